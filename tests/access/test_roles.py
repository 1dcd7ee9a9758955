import pickle

import pytest

from tiltyard.access.person import Person, account, me
from tiltyard.access.roles import NEEDS, WORDS, Denied, Role, allowed, allows, reason, require, role_of_scopes


def test_each_role_may_do_what_the_issue_says() -> None:
    assert allowed("viewer") == ("look", "export")
    assert set(allowed("analyst")) == {"look", "export", "run", "write"}
    assert not allows("analyst", "code")
    assert set(allowed("admin")) == set(NEEDS) == set(WORDS)


@pytest.mark.parametrize("stranger", ["", "root", "ADMIN", "Viewer"])
def test_an_unknown_role_may_nothing(stranger: str) -> None:
    assert allowed(stranger) == ()


def test_an_unknown_action_is_a_mistake_not_a_yes() -> None:
    with pytest.raises(KeyError):
        allows(Role.ADMIN, "fly")  # type: ignore[arg-type]


def test_a_refusal_is_one_line_and_says_whom_to_ask() -> None:
    with pytest.raises(Denied) as refused:
        require("viewer", "run")
    assert str(refused.value).startswith("Expected the role analyst to open models") and "found the role viewer" in str(refused.value)
    assert isinstance(pickle.loads(pickle.dumps(refused.value)), Denied)
    assert reason("viewer", "run") == "Needs the role analyst; yours is viewer." and reason("admin", "run") == ""


def test_scopes_of_keys_are_roles() -> None:
    assert [role_of_scopes(s) for s in (["predict"], ["predict", "admin"], [], ["other"])] == ["analyst", "admin", "viewer", "viewer"]


def test_alone_one_is_an_admin_who_sees_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TILTYARD_USER", "TILTYARD_ROLE", "JUPYTERHUB_USER"):
        monkeypatch.delenv(name, raising=False)
    assert me() == Person(account(), Role.ADMIN, shared=False) and me().sees_all
    monkeypatch.setenv("TILTYARD_ROLE", "viewer")
    assert me().role is Role.ADMIN, "a role without a user is nobody's"
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    assert me() == Person("ada", Role.ADMIN, shared=False)


@pytest.mark.parametrize(
    ("text", "role"), [("viewer", "viewer"), ("analyst", "analyst"), ("admin", "admin"), ("", "viewer"), ("king", "viewer")]
)
def test_behind_a_login_the_server_says_who_one_is(monkeypatch: pytest.MonkeyPatch, text: str, role: str) -> None:
    monkeypatch.setenv("TILTYARD_USER", "ada")
    monkeypatch.setenv("TILTYARD_ROLE", text)
    assert me() == Person("ada", Role(role), shared=True)
    assert me().sees_all == (role == "admin")


def test_an_account_without_a_name_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert account() == "local"
