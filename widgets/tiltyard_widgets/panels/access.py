"""Access: who I am and what my role allows; people, keys of the endpoint, and the audit log, for admins."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.access.remote_users import open_users
from tiltyard.access.roles import Action, Role
from tiltyard.access.users import Users
from tiltyard.audit import notes as audit
from tiltyard.errors import Problem

from ..controls.picker import Choice
from ..controls.word_field import WordField
from ..theme import look, plain
from ..views.cards import outcome
from ..views.code import CodeView
from ..views.table import TableView
from .access_tables import key_table, log_table, people_table, role_table
from .panel import Panel

if TYPE_CHECKING:
    from tiltyard.serving.keys import KeyStore

PARTS = [("Me", "me"), ("People", "people"), ("Keys", "keys"), ("Audit log", "log")]
NEEDS: dict[str, Action] = {"me": "look", "people": "users", "keys": "keys", "log": "log"}
ROLES = [("Viewer: looks and downloads", "viewer"), ("Analyst: runs", "analyst"), ("Admin: keys, people, deletion", "admin")]
SCOPES = [("Predict: asks the model", "predict"), ("Admin: reads its figures too", "admin")]
NOBODY = "—"
LAST = 200
WAITS = "Whoever it concerns is logged out with their next click."
FIRST = ", once they have set a password of their own"
ONCE = "Copy it now: it is shown this once and kept only as a hash."
CODE = {
    "me": "from tiltyard.access.person import me\nfrom tiltyard.access.roles import allowed\n\nprint(me(), allowed(me().role))\n",
    "people": "# in a terminal\ntiltyard user list\ntiltyard user add NAME --role analyst\ntiltyard user add NAME --once\n",
    "keys": "# in a terminal\ntiltyard key list\ntiltyard key new NAME --days 90\n",
    "log": "# in a terminal; keep what it prints elsewhere, and give it with --anchor next time\ntiltyard verify runs.audit.jsonl\n",
}


class AccessPanel(Panel):
    """Who may do what here. What the role does not allow is disabled with its reason, and refused to whoever tries all the same."""

    title = "Access"

    def build(self) -> Sequence[w.Widget]:
        self.part = Choice(label="Show", options=PARTS, value="me", kind="segments")
        self.part.observe(lambda _: self._switch(), "value")
        self.lead, self.sentence = look.text("", kind="lead"), outcome()
        self.table, self.code = TableView(limit=LAST), CodeView()
        self.secret = look.entry("The new key")
        self.shown = look.stack([self.secret, look.text(ONCE, kind="help")], tight=True)
        self.columns = {"me": self._about(), "people": self._people(), "keys": self._keys(), "log": self._log()}
        self.controls = plain.VBox()
        self._hide()
        self._draw()
        return [
            look.heading(self.title),
            self.message,
            look.split([self.part, self.controls], [self.lead, self.sentence, self.shown, self.table, self.code]),
        ]

    def _about(self) -> w.Widget:
        return look.text(
            "Roles are given by an admin. Whoever works alone on their own machine is the admin of what is theirs.", kind="help"
        )

    def _people(self) -> w.Widget:
        denied = self.session.denied("users")
        self.name = look.entry("Name", "of somebody new")
        self.role = Choice(label="Role", options=ROLES, value="analyst")
        self.password = WordField("Password", "At least 12 characters. Nobody can read it afterwards.")
        self.once = plain.Checkbox(value=False, description="A first password: they set their own when they log in", indent=False)
        self.add = look.button("Add", kind="primary", denied=denied)
        self.who = Choice(label="Person", options=[NOBODY], value=NOBODY)
        self.give = look.button("Give the role above", denied=denied)
        self.renew = look.button("Set the password above", denied=denied)
        self.remove = look.button("Remove", kind="danger", denied=denied)
        for button, act in ((self.add, self.added), (self.give, self.given), (self.renew, self.renewed), (self.remove, self.removed)):
            button.on_click(lambda _, act=act: self._try(act))
        return look.stack(
            [
                self.name,
                self.role,
                self.password,
                self.once,
                self.add,
                look.heading("Somebody who is there", 3),
                self.who,
                look.row([self.give, self.renew, self.remove]),
            ]
        )

    def _keys(self) -> w.Widget:
        denied = self.session.denied("keys")
        self.owner = look.entry("For", "who gets the key")
        self.scope = Choice(label="Scope", options=SCOPES, value="predict")
        self.days = look.entry("Days", value="90", help="How long it is valid, up to 3660; 0 for no end")
        self.make = look.button("Make a key", kind="primary", denied=denied)
        self.which = Choice(label="Key", options=[NOBODY], value=NOBODY)
        self.end = look.button("Revoke", kind="danger", denied=denied)
        self.end_line = look.button(
            "Revoke its line", kind="danger", title="With all that it was rotated from and those after it", denied=denied
        )
        self.make.on_click(lambda _: self._try(self.made))
        self.end.on_click(lambda _: self._try(self.revoked))
        self.end_line.on_click(lambda _: self._try(self.line_revoked))
        return look.stack(
            [
                self.owner,
                self.scope,
                self.days,
                self.make,
                look.heading("A key that is there", 3),
                self.which,
                look.row([self.end, self.end_line]),
            ]
        )

    def _log(self) -> w.Widget:
        denied = self.session.denied("log")
        self.check = look.button("Check it", kind="primary", title="Hold every record against the one before", denied=denied)
        self.check.on_click(lambda _: self._try(self._read_log))
        return look.stack([self.check, look.text(f"Shown are the last {LAST} records; all are checked.", kind="help")])

    def _switch(self) -> None:
        self._hide()
        self.message.clear()
        self._draw()

    def _draw(self) -> None:
        part = self.part.value
        self.controls.children = (self.columns[part],)
        self.code.code = CODE[part]
        if why := self.session.denied(NEEDS[part]):
            self._say(why)
            self.table.show(None)
            return
        self._try({"me": self._show_me, "people": self._show_people, "keys": self._show_keys, "log": self._read_log}[part], keep=True)

    def _try(self, act: "object", keep: bool = False) -> None:
        assert callable(act)
        if not keep:
            self.message.clear()
            self._hide()
        try:
            act()
        except Problem as problem:
            self.message.say(problem)

    def _say(self, words: str) -> None:
        self.lead.say(words)
        look.show(self.sentence, False)

    def _judge(self, state: str, words: str) -> None:
        self.lead.say("")
        look.show(self.sentence, True)
        self.sentence.say(state, words)

    def _show_me(self) -> None:
        person = self.session.person
        seen = "everybody's runs" if person.sees_all else "your own runs"
        self._say(f"You are {person.name}, {'a' if person.role is Role.VIEWER else 'an'} {person.role}; you see {seen}.")
        self.table.show(role_table(person.role))

    def _show_people(self) -> None:
        found = open_users().all()
        n = len(found)
        none = "Nobody yet: the app lets in whoever has its token. Add somebody, then start it with --password."
        self._say(f"{n} {'person' if n == 1 else 'people'} may log in." if n else none)
        self.table.show(people_table(found))
        self.who.offer([(f"{u.name} ({u.role})", u.name) for u in found] or [NOBODY])
        if found and self.who.value not in {u.name for u in found}:
            self.who.value = found[0].name

    def added(self) -> None:
        """Let somebody log in."""
        users = self._changeable()
        user = users.add(self.name.value.strip(), self.role.value, self._typed(), once=self.once.value)
        self._note("user added", user.name, f"{user.name} may log in as {user.role}{FIRST if user.once else ''}.")
        self.name.value = ""

    def given(self) -> None:
        """Give the chosen person the chosen role."""
        users, name = self._changeable(), self._chosen()
        user = users.change(name, role=self.role.value)
        self._note("role changed", name, f"{name} is {user.role} from now on. {WAITS}")

    def renewed(self) -> None:
        """Give the chosen person the typed password."""
        users, name = self._changeable(), self._chosen(also_me=True)
        user = users.change(name, password=self._typed(), once=self.once.value)
        self._note("password changed", name, f"{name} has another password{FIRST if user.once else ''}. {WAITS}")

    def removed(self) -> None:
        """Take the chosen person away."""
        users, name = self._changeable(), self._chosen()
        users.remove(name)
        self._note("user removed", name, f"{name} cannot log in any more. {WAITS} Their runs stay.")

    def _changeable(self) -> Users:
        self.session.person.must("users")
        audit.ready(self._place())
        return open_users()

    def _chosen(self, also_me: bool = False) -> str:
        name = str(self.who.value)
        if name == NOBODY:
            raise Problem("somebody chosen", "nobody", "Choose a person")
        if name == self.session.person.name and self.session.person.shared and not also_me:
            raise Problem("another person than yourself", name, "Let another admin do it")
        return name

    def _typed(self) -> str:
        typed = self.password.text
        if not typed:
            raise Problem("a password", "none", "Type one, 12 characters or more")
        self.password.put("")
        return typed

    def _show_keys(self) -> None:
        keys = self._key_store()
        found = keys.all()
        valid = [k for k in found if k.state(keys.clock()) == "valid"]
        self._say(f"{len(valid)} of {len(found)} keys {'is' if len(found) == 1 else 'are'} valid." if found else "No key yet.")
        self.table.show(key_table(found, keys.clock()))
        self.which.offer([(f"{k.name} ({k.id}{f', of {k.account}' if k.line else ''})", k.id) for k in valid] or [NOBODY])
        if valid and self.which.value not in {k.id for k in valid}:
            self.which.value = valid[0].id

    def made(self) -> None:
        """Make a key and show it, once."""
        from tiltyard.serving.keys import SCOPES as KNOWN

        keys, days = self._key_store(), self.days.value.strip()
        if not days.isdecimal():
            raise Problem("a whole number of days", repr(days[:20]), "0 stands for no end")
        scopes = tuple(s for s in KNOWN if s == self.scope.value)
        made = keys.new(self.owner.value.strip(), scopes, timedelta(days=int(days)) if int(days) else None)
        self._note("key made", made.key.name, f"Key {made.key.id} for {made.key.name} is made.", {"id": made.key.id})
        self.owner.value = ""
        self.secret.value = made.secret
        look.show(self.shown, True)

    def revoked(self) -> None:
        """End the chosen key."""
        keys = self._key_store()
        if self.which.value == NOBODY:
            raise Problem("a key chosen", "none", "Make one first")
        ended = keys.revoke(str(self.which.value))
        self._note("key revoked", ended.name, f"Key {ended.id} for {ended.name} opens nothing any more.", {"id": ended.id})

    def line_revoked(self) -> None:
        """End the chosen key and every other of its account."""
        keys = self._key_store()
        if self.which.value == NOBODY:
            raise Problem("a key chosen", "none", "Make one first")
        id = str(self.which.value)
        ended = keys.revoke_line(id)
        words = f"{len(ended)} key{'s' * (len(ended) != 1)} of the line of {id} open{'s' * (len(ended) == 1)} nothing any more."
        self._note("keys of an account revoked", id, words, {"ended": " ".join(key.id for key in ended)})

    def _key_store(self) -> "KeyStore":
        from tiltyard.serving.remote_keys import open_keys

        self.session.person.must("keys")
        return open_keys()

    def _note(self, what: str, name: str, words: str, more: dict[str, str] | None = None) -> None:
        unlogged = audit.note(what, parameters={"name": name, **(more or {})}, who=self.session.person.name, store=self._place())
        self._draw()
        self.message.say(f"{words} {unlogged}".strip(), level="warning" if unlogged else "info")

    def _hide(self) -> None:
        self.secret.value = ""
        look.show(self.shown, False)

    def _read_log(self) -> None:
        self.session.person.must("log")
        self._judge("running", "Reading the audit log …")
        self.session.aside(self._checked, self._show_log, self._broken)

    def _checked(self) -> "audit.Read | None":
        return audit.read(LAST, self._place())

    def _show_log(self, found: "audit.Read | None") -> None:
        if self.part.value != "log":
            return
        if found is None:
            self._judge("not_run", "There is no audit log: it is switched off, or nothing was done yet.")
            self.table.show(None)
            return
        kept = "" if found.keyed else " It has no key, so whoever can write the file could write it anew; keep this elsewhere:"
        self._judge("passed", f"Intact: {found.count:,} records.{kept} {found.anchor} {found.remark}".strip())
        self.table.show(log_table(found.last, found.count))

    def _broken(self, problem: Exception) -> None:
        if self.part.value == "log":
            self._judge("finding", f"Broken, or it cannot be read: {problem}")
            self.table.show(None)

    def _place(self) -> str | None:
        return self.session.store.url if self.session.store is not None else None
