/** The table itself. Under 768 px each row becomes the app and one line per environment (CSS only). */
import type { Environment } from "../../api/bodies";
import { Empty } from "../../ui/views";
import { AppCell } from "./AppCell";
import type { Row } from "./rows";

interface Props {
  readonly rows: readonly Row[];
  readonly columns: readonly Environment[];
}

export function AppsTable({ rows, columns }: Props) {
  if (rows.length === 0) return <Empty title="No app is like that now." />;
  return (
    <table className="apps">
      <thead>
        <tr>
          <th scope="col">App</th>
          {columns.map(({ id, name }) => (
            <th key={id} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <AppRow key={row.app} row={row} columns={columns} />
        ))}
      </tbody>
    </table>
  );
}

function AppRow({ row, columns }: { row: Row; columns: readonly Environment[] }) {
  return (
    <tr data-testid="app-row" data-app={row.app}>
      <th scope="row" className="app-name">
        {row.app}
        <span className="quiet app-repository">{row.repository}</span>
      </th>
      {columns.map((environment) => (
        <AppCell key={environment.id} app={row.app} environment={environment} cell={row.cells.get(environment.id) ?? null} />
      ))}
    </tr>
  );
}
