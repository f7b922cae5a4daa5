/** Says what an action will do and asks. A side panel, so that the list stays in view; a dialog only for a delete. */
import { Button, Drawer, Modal, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Action, Place } from "./actions";
import { announce } from "./actions";

interface Props {
  readonly action: Action | null;
  readonly place: Place;
  readonly close: () => void;
  readonly run: (action: Action) => void;
}

export function ActionPanel({ action, place, close, run }: Props) {
  const title = action === null ? "" : announce(action, place).title;
  const content = action !== null && <Confirm key={title} action={action} place={place} close={close} run={run} />;
  const isDelete = action?.kind === "delete";
  return (
    <>
      <Drawer
        opened={action !== null && !isDelete}
        onClose={close}
        position="right"
        size={400}
        title={title}
        withOverlay={false}
        lockScroll={false}
        transitionProps={{ duration: 0 }}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        {content}
      </Drawer>
      <Modal
        opened={isDelete}
        onClose={close}
        title={title}
        transitionProps={{ duration: 0 }}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        {content}
      </Modal>
    </>
  );
}

function Confirm({ action, place, close, run }: { action: Action; place: Place; close: () => void; run: (action: Action) => void }) {
  const [typed, setTyped] = useState("");
  const { will, undo, confirm } = announce(action, place);
  const isDelete = action.kind === "delete";
  return (
    <form
      className="confirm"
      data-testid="action-panel"
      onSubmit={(event) => {
        event.preventDefault();
        run(action);
      }}
    >
      <h3>What it will do</h3>
      <ul>
        {will.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      <h3>To undo it</h3>
      <p>{undo}</p>
      {isDelete && (
        <TextInput
          label={`Type ${place.app} to confirm`}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          data-testid="confirm-name"
        />
      )}
      <div className="confirm-buttons">
        <Button
          type="submit"
          size="xs"
          color={isDelete ? "red" : undefined}
          disabled={isDelete && typed !== place.app}
          data-testid="confirm"
          data-autofocus={isDelete ? undefined : true}
        >
          {confirm}
        </Button>
        <Button type="button" size="xs" variant="default" onClick={close}>
          Cancel
        </Button>
      </div>
    </form>
  );
}
