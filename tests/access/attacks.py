"""Attacks on what a process is kept from: each as an expression that raises `OSError` where it is stopped.

The same are run in a free process, where each must succeed: one that could not is no attack.
"""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECRET = "the hash of a password"

FILES = {
    "read it": "open(secret).read()",
    "read it by a link": "os.symlink(secret, own + '/link') or open(own + '/link').read()",
    "read it by a second name": "os.link(secret, own + '/name') or open(own + '/name').read()",
    "read it by way of /proc": "open('/proc/self/root' + secret).read()",
    "read it from its folder": "os.chdir(folder) or open(os.path.basename(secret)).read()",
    "have another program read it": "done(subprocess.run(['cat', secret], capture_output=True).returncode)",
    "have a new Python read it": "done(subprocess.run([sys.executable, '-c', f'open({secret!r})'], capture_output=True).returncode)",
    "have a fork read it": "done(forked(lambda: open(secret).read()))",
    "map it": "open(secret, 'r+b').fileno()",
    "list its folder": "os.listdir(folder)",
    "write over it": "open(secret, 'w').write('mine')",
    "add to it": "open(secret, 'a').write('mine')",
    "cut it short": "os.truncate(secret, 0)",
    "put another in its place": "open(own + '/new', 'w').close() or os.replace(own + '/new', secret)",
    "take it away": "os.rename(secret, own + '/taken')",
    "delete it": "os.unlink(secret)",
    "delete its folder": "gone(folder)",
    "put a file beside it": "open(folder + '/new.pth', 'w').write('import os')",
    "put a link beside it": "os.symlink('/etc', folder + '/new')",
    "make a folder beside it": "os.mkdir(folder + '/new')",
    "let everybody read it": "os.chmod(secret, 0o666) or changed(secret)",
    "let nobody read it": "os.chmod(secret, 0) or changed(secret)",
}
PROCESSES = {
    "read its environment": "open(f'/proc/{pid}/environ').read()",
    "read its memory": "open(f'/proc/{pid}/mem', 'rb').close()",
    "read where its memory lies": "open(f'/proc/{pid}/maps').read()",
    "see what it has open": "os.readlink(f'/proc/{pid}/fd/0')",
    "open what it has open": "os.open(f'/proc/{pid}/fd/0', os.O_RDWR)",
    "go through its root": "os.listdir(f'/proc/{pid}/root/')",
    "trace it": "called(libc.ptrace(16, pid, 0, 0))",
    "copy its memory": "called(libc.process_vm_readv(pid, vector(), 1, vector(), 1, 0), 14)",
    "take its handle": "called(libc.syscall(438, called(libc.syscall(434, pid, 0)), 0, 0))",
    "take its files away": "resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))",
}
SIGNALS = {"stop it": "os.kill(pid, 19)", "end it": "os.kill(pid, 15)"}
DOORS = {
    "ask a server by its socket's name": "socket.socket(socket.AF_UNIX).connect(door)",
    "turn a pair of sockets to a name": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].connect(post)",
    "be root in a space of its own": "called(libc.unshare(0x10000000))",
    "be root in a space of its own, as a child": "called(libc.syscall(clone, 0x10000000 | 17, 0, 0, 0, 0)) or os._exit(0)",
    "do it past the filter, by a ring": "called(libc.syscall(425, 1, ctypes.create_string_buffer(120)))",
    "do it past the filter, as a 32-bit program": "old(94, os.open(own + '/f', os.O_CREAT | os.O_RDWR, 0o600), 0o666) or changed(own + '/f')",
    "share memory without a file": "called(libc.shmget(0, 4096, 0o1600))",
    "take memory that no limit counts": "mmap.mmap(-1, 4096)",
    "take memory that no limit counts, as a file": "os.memfd_create('x')",
    "give away what loses its parent": "called(libc.prctl(36, 0, 0, 0, 0))",
    "leave its group": "done(forked(lambda: stays(os.setsid)))",
    "leave its group for another": "done(forked(lambda: stays(lambda: os.setpgid(0, 0))))",
    "leave something in shared memory": "open(f'/dev/shm/{os.getpid()}', 'w').close() or os.unlink(f'/dev/shm/{os.getpid()}')",
    "wait for connections in a server's place": "socket.create_server(('127.0.0.1', 0))",
    "wait for them at another address of this machine": "socket.create_server(('127.0.0.2', 0))",
    "hold up all who open a file": "fcntl.fcntl(os.open(own + '/lease', os.O_CREAT), 1024, 1)",
    "be told who changes a folder": "fcntl.fcntl(os.open(own, os.O_RDONLY), 1026, 4)",
    "mark a file that it may only read": "fcntl.ioctl(os.open(own + '/mark', os.O_CREAT), 0x40086602, bytes(8))",
    "watch a folder it may not list": "called(libc.inotify_add_watch(libc.inotify_init(), folder.encode(), 0x100))",
}

BEGIN = """
import ctypes, errno, fcntl, json, mmap, os, resource, socket, subprocess, sys
secret, folder, own, door, post, pid, confined, attack = json.loads(sys.argv[1])
libc, clone = ctypes.CDLL(None, use_errno=True), {"x86_64": 56, "aarch64": 220}[os.uname().machine]

def called(result, fine=0):
    if result < 0 and ctypes.get_errno() != fine:
        raise OSError(ctypes.get_errno(), "called")
    return result

def done(code):
    if code:
        raise OSError("the other program could not")

def forked(act):
    child = os.fork()
    if not child:
        try:
            act()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]

def changed(path):
    if os.stat(path).st_mode & 0o777 == 0o600:
        raise OSError("unheard")

def old(number, first, second):
    if os.uname().machine != "x86_64":
        raise OSError("another machine")
    code = b"\\x53\\xb8" + number.to_bytes(4, "little") + b"\\xbb" + first.to_bytes(4, "little") + b"\\xb9" + second.to_bytes(4, "little")
    room = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
    room.write(code + b"\\xcd\\x80\\x5b\\xc3")
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(room)))()

def stays(act):
    act()
    if os.getpgrp() != os.getpid():
        raise OSError("unheard")

def gone(path):
    import shutil
    shutil.rmtree(path)

def vector():
    class Vector(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    return ctypes.byref(Vector(ctypes.cast(ctypes.create_string_buffer(8), ctypes.c_void_p).value, 8))

if confined is not None:
    from tiltyard.access.confined import Confines, confine
    confine(Confines(*map(tuple, confined)))
try:
    eval(attack)
except OSError as error:
    print("stopped")
else:
    print("reached")
"""


@dataclass(frozen=True)
class Victim:
    """A folder with a secret, a process with one in its environment, two sockets with names, and the attacker's own folder."""

    folder: Path
    own: Path
    process: "subprocess.Popen[bytes]"

    @property
    def secret(self) -> Path:
        return self.folder / "users.json"

    def unharmed(self) -> bool:
        """Is all as it was?"""
        good = self.secret.is_file() and self.secret.read_text() == SECRET and stat.S_IMODE(self.secret.stat().st_mode) == 0o600
        state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return good and {path.name for path in self.folder.iterdir()} == {"users.json", "door", "post"} and state in "SR"

    def attacked(self, attack: str, confined: "tuple[tuple[str, ...], tuple[str, ...]] | None") -> str:
        """``reached`` or ``stopped``, of an attack by a new process in these confines, or a free one."""
        at = self.folder
        given = json.dumps(
            [str(self.secret), str(at), str(self.own), str(at / "door"), str(at / "post"), self.process.pid, confined, attack]
        )
        ran = subprocess.run([sys.executable, "-P", "-c", BEGIN, given], capture_output=True, text=True, timeout=60, check=False)
        assert ran.stdout.strip() in ("reached", "stopped"), ran.stderr
        return ran.stdout.strip()


@contextmanager
def victim(folder: Path) -> Iterator[Victim]:
    """One that ends with the block."""
    kept, own = folder / "kept", folder / "own"
    for path in (kept, own):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    secret = kept / "users.json"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    process = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "KEY": SECRET},
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdout.readline()
    with socket.socket(socket.AF_UNIX) as door, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as post:
        door.bind(str(kept / "door"))
        door.listen()
        post.bind(str(kept / "post"))
        try:
            yield Victim(kept, own, process)
        finally:
            process.kill()
            process.communicate()
