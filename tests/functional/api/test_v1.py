"""Our own routes: setting up, apps and their releases, requests, documents, checking a manifest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.actors import Scope
from chalicelib.core.releases import State
from chalicelib.ports.records import Put
from tests.functional.api.gate import Gate
from tests.functional.api.shop import open_shop, release, ship
from tests.functional.road.town import manifest


def test_an_admin_sets_up_from_nothing(gate: Gate) -> None:
    gitops = {"path": "acme/deploys", "url": "https://git.example/acme/deploys", "use": "gitops"}
    shop = {"path": "acme/cart", "url": "https://git.example/acme/cart", "use": "application", "hook_payload": "github"}

    kept = gate.call("POST", "/v1/repositories", gitops)
    watched = gate.call("POST", "/v1/repositories", shop)
    made = gate.call("POST", "/v1/environments", {"name": "qa", "gitops_repository_id": kept.body["repository"]["id"]})

    assert (kept.status, watched.status, made.status) == (201, 201, 201)
    assert (kept.body["webhook_secret"], kept.body["repository"]["hook_path"]) == ("", "")
    assert watched.body["repository"]["hook_path"].startswith("/hooks/github/")
    assert gate.call("GET", "/v1/environments/qa").body["id"] == made.body["environment"]["id"]
    paths = [one["path"] for one in gate.call("GET", "/v1/repositories").body["items"]]
    assert paths == ["acme/cart", "acme/deploys", "acme/gitops"]
    for secret in (made.body["agent_key"], made.body["webhook_secret"], watched.body["webhook_secret"]):
        assert len(secret) > 32


@pytest.mark.parametrize(
    "body",
    [
        {"name": "qa"},
        {"name": "Qa!", "gitops_repository_id": "GITOPS"},
        {"name": "qa", "gitops_repository_id": "SHOP"},
        {"name": "staging", "gitops_repository_id": "GITOPS"},
        {"name": "qa", "gitops_repository_id": "GITOPS", "position": -1},
        {"name": "qa", "gitops_repository_id": "GITOPS", "position": 10**30},
        {"name": "qa", "gitops_repository_id": "GITOPS", "colour": "red"},
        {"name": None, "gitops_repository_id": "GITOPS"},
    ],
)
def test_an_environment_that_can_not_be_is_400(gate: Gate, body: dict[str, object]) -> None:
    shop = open_shop(gate)
    ids = {"GITOPS": gate.town.gitops.id, "SHOP": shop.id}
    sent = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in body.items()}

    refused = gate.call("POST", "/v1/environments", sent)

    assert (refused.status, refused.headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("days", [0, -1, 367, 10**12, 10**30, 1.5, "7"])
def test_a_token_lives_a_bounded_time(gate: Gate, days: object) -> None:
    assert gate.call("POST", "/v1/tokens", {"name": "ci", "scopes": ["ship"], "days": days}).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "", "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"name": "x" * 101, "scopes": ["read"]},
    ],
)
def test_a_token_that_can_not_be_is_400(gate: Gate, body: dict[str, object]) -> None:
    assert gate.call("POST", "/v1/tokens", body).status == 400


def test_a_token_is_shown_once_listed_without_its_secret_and_revoked_at_once(gate: Gate) -> None:
    made = gate.call("POST", "/v1/tokens", {"name": "ci", "scopes": ["ship"], "environments": ["staging"]}).body

    listed = gate.call("GET", "/v1/tokens")
    before = gate.call("GET", "/v1/me", token=made["text"]).status
    revoked = gate.call("DELETE", f"/v1/tokens/{made['token']['id']}")
    after = gate.call("GET", "/v1/me", token=made["text"]).status

    assert made["token"] in listed.body["items"]
    assert made["text"] not in listed.text
    assert made["text"].rsplit("_", 1)[1] not in listed.text
    assert (before, revoked.status, revoked.text, after) == (200, 204, "", 401)
    assert gate.call("DELETE", f"/v1/tokens/{made['token']['id']}").status == 404


def test_a_list_is_read_in_pages(gate: Gate) -> None:
    for number in range(5):
        gate.town.environment(f"env{number}")

    first = gate.call("GET", "/v1/environments?limit=3").body
    second = gate.call("GET", f"/v1/environments?limit=3&cursor={first['next']}").body

    assert [one["name"] for one in first["items"] + second["items"]] == [f"env{number}" for number in range(5)]
    assert second["next"] == ""


@pytest.mark.parametrize("query", ["cursor=forged", "limit=0", "limit=201", "limit=many"])
def test_a_page_that_can_not_be_is_400(gate: Gate, query: str) -> None:
    assert gate.call("GET", f"/v1/environments?{query}").status == 400


def test_an_app_shows_its_card_and_its_newest_releases(gate: Gate) -> None:
    open_shop(gate)

    detail = gate.call("GET", "/v1/apps/staging/shop").body
    [listed] = gate.call("GET", "/v1/apps").body["items"]

    assert (detail["app"], detail["environment"]) == ("shop", "staging")
    assert detail["card"] == listed["environments"][0]
    assert [one["state"] for one in detail["releases"]] == ["committed"]
    assert detail["releases"] == gate.call("GET", "/v1/apps/staging/shop/releases").body["items"]
    assert detail["releases"][0] == gate.call("GET", f"/v1/releases/{detail['releases'][0]['id']}").body


@pytest.mark.parametrize(
    "path",
    [
        "/v1/apps/staging/none",
        "/v1/apps/none/shop",
        "/v1/apps/none/shop/releases",
        "/v1/releases/none",
        "/v1/requests/none",
        "/v1/repositories/none",
        "/v1/environments/none",
        "/v1/documents?topic=none",
        "/v1/documents",
    ],
)
def test_what_is_not_there_is_404(gate: Gate, path: str) -> None:
    open_shop(gate)

    assert gate.call("GET", path).status == 404


@pytest.mark.parametrize("length", [1_000, 7_000])
def test_a_name_longer_than_any_of_ours_is_nobodys(gate: Gate, length: int) -> None:
    open_shop(gate)
    long = "%C3%BC" * length

    assert gate.call("GET", f"/v1/apps/staging/{long}").status == 404
    assert gate.call("DELETE", f"/v1/apps/{long}/shop").status == 404
    assert gate.call("GET", f"/api/eventReleaseTrack?id={long}").status == 400


def test_a_release_is_asked_for_followed_rolled_back_and_deleted(gate: Gate) -> None:
    shop = open_shop(gate)
    first = release(gate)
    gate.town.clock.pass_(seconds=1)
    gate.town.push(shop, {".gimlet/staging.yaml": manifest(value="second")})

    back = gate.call("POST", "/v1/apps/staging/shop/rollback", {"release_id": first.id})
    gate.town.settle()
    gone = gate.call("DELETE", "/v1/apps/staging/shop")
    gate.town.settle()

    assert (back.status, back.body["type"], gone.status, gone.body["type"]) == (202, "rollback", 202, "delete")
    followed = gate.call("GET", f"/v1/requests/{back.body['id']}").body
    assert (followed["state"], followed["releases"][0]["restores"]) == ("processed", first.id)
    assert gate.call("GET", "/v1/apps/staging/shop").body["card"]["body"].get("desired") is None


def test_a_rollback_to_a_release_of_another_app_is_refused(gate: Gate) -> None:
    open_shop(gate)
    ship(gate, app="cart")
    cart = gate.town.releases("cart")[0]

    refused = gate.call("POST", "/v1/apps/staging/shop/rollback", {"release_id": cart.id})

    assert refused.status in (400, 404)


def test_a_hold_is_set_with_its_reason_and_lifted(gate: Gate) -> None:
    open_shop(gate)

    held = gate.call("PUT", "/v1/apps/staging/shop/hold", {"why": "audit"})
    card = gate.call("GET", "/v1/apps/staging/shop").body["card"]["body"]
    lifted = gate.call("DELETE", "/v1/apps/staging/shop/hold")

    assert (held.status, lifted.status) == (204, 204)
    assert card["hold"]["why"] == "audit"
    assert gate.call("GET", "/v1/apps/staging/shop").body["card"]["body"].get("hold") is None


def test_a_long_poll_answers_after_its_time_at_the_latest(gate: Gate) -> None:
    open_shop(gate)
    one = release(gate)

    waited = gate.call("GET", f"/v1/releases/{one.id}?wait=live&timeout=7")
    seconds = gate.pace.seconds
    gate.town.records.write(Put(replace(one, state=State.LIVE)))
    live = gate.call("GET", f"/v1/releases/{one.id}?wait=live")

    assert (waited.status, seconds) == (200, 7)
    assert (live.body["state"], gate.pace.seconds) == ("live", seconds)
    for timeout in ("0", "21", "x"):
        assert gate.call("GET", f"/v1/releases/{one.id}?wait=live&timeout={timeout}").status == 400


def test_documents_are_read_by_topic_prefix_and_page(gate: Gate) -> None:
    open_shop(gate)
    for name in ("cart", "desk", "shed"):
        ship(gate, app=name)

    first = gate.call("GET", "/v1/documents?topic=apps").body
    second = gate.call("GET", f"/v1/documents?topic=apps&cursor={first['next']}").body
    one = gate.call("GET", "/v1/documents?topic=apps&prefix=sho").body

    assert [doc["key"].split("/")[0] for doc in first["docs"] + second["docs"]] == ["cart", "desk", "shed", "shop"]
    assert second["next"] is None
    assert [doc["key"].split("/")[0] for doc in one["docs"]] == ["shop"]
    assert gate.call("GET", "/v1/documents?topic=apps&cursor=forged").status == 400


def test_a_manifest_is_checked_by_the_image_function(gate: Gate) -> None:
    checked = gate.call("POST", "/v1/manifests/check", {"manifest": "app: shop"}, token=gate.new_token(Scope.READ))
    gate.render_call.answer = {"rejected": "the body is not as it should be"}
    refused = gate.call("POST", "/v1/manifests/check", {"manifesto": 1})

    assert (checked.status, checked.body["valid"]) == (200, True)
    asked = gate.render_call.asked[0]
    assert asked["check"] == {"manifest": "app: shop"}
    assert asked["organization_id"]
    assert (refused.status, refused.body["detail"]) == (400, "the body is not as it should be")
    assert gate.call("POST", "/v1/manifests/check", {"manifest": "x" * (2 * 1024 * 1024)}).status == 413
