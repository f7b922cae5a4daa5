"""The child process in which untrusted templates, charts and CUE run; started by `sandbox`, never imported.

Before it reads a byte of its request it gives up what it doesn't need: memory, CPU, files, new privileges, sockets,
other processes. Then it answers one request (JSON on stdin) with one answer (JSON on stdout) and ends. It imports
nothing of ours and as little of anything as it can. For CUE it becomes the `cue` command, under the same limits.
"""

import ctypes
import json
import os
import resource
import struct
import sys
from base64 import b64decode
from collections.abc import Callable
from types import ModuleType
from typing import Any

MEMORY_BYTES = {
    "resolve": 512 * 1024**2,
    "render": 2 * 1024**3,
    "cue": 2 * 1024**3,
}  # the Helm engine needs about 1 GiB to start
CPU_SECONDS = 10
FILE_BYTES = 32 * 1024**2
OPEN_FILES = 64
MAX_STRING_CHARS = 1024**2
READY = b"ready\n"
KUBERNETES_VERSION = "v1.36.0"  # fixed in helm-python-sdk 0.2.2 (Helm 4.2.3); its binding can't set another

# --- giving things up ---------------------------------------------------------------------------------------------

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000  # SECCOMP_RET_*; REFUSE carries an errno
EPERM, ENOSYS = 1, 38
CLONE_THREAD = 0x10000
# Per architecture: its AUDIT_ARCH, then the syscall numbers (asm/unistd_64.h and asm-generic/unistd.h), then execve's.
ARCHITECTURES = {
    "x86_64": (
        0xC000003E,
        {"clone": 56, "clone3": 435},
        # socket connect sendto socketpair bind listen fork vfork execve ptrace process_vm_readv process_vm_writev
        # execveat io_uring_setup pidfd_getfd kill tkill tgkill is left: the Go runtime signals its own threads
        (41, 42, 44, 53, 49, 50, 57, 58, 59, 101, 310, 311, 322, 425, 438, 62),
        59,
    ),
    "aarch64": (
        0xC00000B7,
        {"clone": 220, "clone3": 435},
        (198, 203, 206, 199, 200, 201, 221, 117, 270, 271, 281, 425, 438, 129),
        221,
    ),
}


def limit_resources(memory_bytes: int) -> None:
    """Cap memory, CPU time, file size and open files."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def refuse_syscalls(*, may_become: bool = False) -> None:
    """Load a seccomp filter: no sockets, no other programs or processes, no looking into them. Threads stay allowed.

    `clone3` answers "not implemented", so that the C library falls back to `clone`, whose flags a filter can read.
    `may_become`: this process may become another program, and start none beside it.
    """
    audit_arch, clones, refused, execve = ARCHITECTURES[os.uname().machine]
    program = [
        (0x20, 0, 0, 4),  # load the architecture
        (0x15, 1, 0, audit_arch),
        (0x06, 0, 0, KILL),
        (0x20, 0, 0, 0),  # load the syscall's number
        (0x35, 0, 1, 0x40000000),  # the x32 numbers would go round the list
        (0x06, 0, 0, KILL),
    ]
    for number in set(refused) - ({execve} if may_become else set()):
        program += [(0x15, 0, 1, number), (0x06, 0, 0, REFUSE | EPERM)]
    program += [(0x15, 0, 1, clones["clone3"]), (0x06, 0, 0, REFUSE | ENOSYS)]
    program += [
        (0x15, 0, 3, clones["clone"]),
        (0x20, 0, 0, 16),  # load the low half of its first argument, the flags
        (0x45, 1, 0, CLONE_THREAD),
        (0x06, 0, 0, REFUSE | EPERM),
        (0x06, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges = libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if no_new_privileges or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0):
        raise OSError(ctypes.get_errno(), "the system call filter can't be loaded")


# --- templates ----------------------------------------------------------------------------------------------------

# Not hermetic, or of no use without randomness: these names do not exist in a manifest's templates.
ABSENT = frozenset(
    {
        *("env", "expandenv", "getHostByName", "now", "ago"),
        *("randAlpha", "randAlphaNum", "randAscii", "randBytes", "randNumeric", "randInt", "shuffle", "uuidv4"),
        *("bcrypt", "htpasswd", "encryptAES", "decryptAES", "genPrivateKey", "genCA"),
        *("genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey"),
        "buildCustomCert",
    }
)
# What Go's versions and times offer; no Python object has members of these names by chance.
GO_MEMBERS = frozenset(
    {
        *("Major", "Minor", "Patch", "Prerelease", "Metadata", "Original", "Compare"),
        *("Year", "Month", "Day", "Hour", "Minute", "Second", "Weekday", "YearDay", "Unix", "Format", "UTC"),
    }
)
BUDGET = {"max_output_chars": MAX_STRING_CHARS, "max_iterations": 100_000, "max_template_depth": 64,
          "max_function_calls": 100_000}  # fmt: skip


def sanitize_dns_name(text: str) -> str:
    """Lower case; each run of characters outside `[0-9a-z]` one `-`; cut to 53; no `-` at the ends."""
    out: list[str] = []
    for character in text.replace("\u0130", "i").lower():  # Go lowers rune by rune
        if "a" <= character <= "z" or "0" <= character <= "9":
            out.append(character)
        elif not out or out[-1] != "-":
            out.append("-")
    return "".join(out)[:53].strip("-")


def import_gotpl() -> None:
    """Make `gotpl` importable without its package's own imports: HTML and async alone take half of a start."""
    if "gotpl" in sys.modules:
        return
    package = ModuleType("gotpl")
    package.__path__ = [os.path.join(path, "gotpl") for path in sys.path if os.path.isdir(os.path.join(path, "gotpl"))]
    sys.modules["gotpl"] = package


class NoClock(Exception):
    """A date function was asked for the current time."""


def no_clock() -> Any:
    """Stands where a clock would be."""
    raise NoClock("the current time is not available in a manifest: the same commit must render the same")


def template_functions() -> dict[str, Callable[..., object]]:
    """Sprig without what reads the environment, the network, the clock or chance."""
    from gotpl.funcs.sprig.registry import generic_func_map

    functions = generic_func_map(clock=no_clock)
    functions = {name: function for name, function in functions.items() if name not in ABSENT}
    functions["repeat"] = repeat
    functions["sanitizeDNSName"] = sanitize_dns_name
    return functions


def repeat(count: int, text: str) -> str:
    """Sprig's `repeat`, within the budget: memory is gone before an output limit sees it."""
    if count < 0 or count * len(text) > MAX_STRING_CHARS:
        raise ValueError(f"repeat: {count} times is more than a manifest may hold")
    return text * count


def variables_type(missing: type[Exception]) -> type[dict[str, str]]:
    """A dict whose missing member is an error that names the variable."""

    class Variables(dict[str, str]):
        def __gotemplate_lookup__(self, name: str) -> str:
            if name not in self:
                raise missing(f"the variable {name} is not set")
            return self[name]

    return Variables


def resolve(request: dict[str, Any]) -> list[dict[str, str]]:
    """Resolve each string as a template of its own; a string that fails answers with its error."""
    import_gotpl()
    from gotpl.errors import TemplateExecutionError
    from gotpl.runtime.policy import ExecutionBudget, SandboxPolicy
    from gotpl.template import Template

    functions = template_functions()
    options: dict[str, Any] = {
        "functions": functions,
        "missing_key": "error",
        "budget": ExecutionBudget(**BUDGET),
        "sandbox": SandboxPolicy.strict(
            allow_functions=functions,
            allow_attributes=GO_MEMBERS,
            allow_properties=GO_MEMBERS,
            allow_methods=GO_MEMBERS,
        ),
    }
    variables = variables_type(TemplateExecutionError)(request["variables"])
    return [resolve_one(text, variables, lambda text: Template(text, **options)) for text in request["strings"]]


def resolve_one(text: str, variables: object, compile_template: Callable[[str], Any]) -> dict[str, str]:
    """One string's text, or its error."""
    try:
        return {"text": compile_template(text).render(variables)}
    except (MemoryError, RecursionError):
        return {"error": "the template needs more memory or depth than it may have"}
    except Exception as error:  # noqa: BLE001 - whatever a stranger's template raises is its own error
        if isinstance(error.__cause__, MemoryError | RecursionError):
            return {"error": "the template needs more memory or depth than it may have"}
        return {"error": getattr(error, "message", "") or str(error) or type(error).__name__}


# --- charts -------------------------------------------------------------------------------------------------------


def render(request: dict[str, Any]) -> dict[str, Any]:
    """Render a chart: `files` by template path, and what is in the chart but not rendered."""
    import helm_python as helm

    try:
        with helm.Chart.load_archive(b64decode(request["archive"])) as chart:
            metadata = chart.metadata
            refusal = refuse_chart(metadata, chart.dependencies)
            if refusal:
                return {"error": refusal}
            files = chart.render(request["values"], name=request["release"], namespace=request["namespace"])
            crds = sorted({crd["filename"] for crd in chart.crds})
            return {"files": files, "crds": crds, "version": metadata.get("version", "")}
    except helm.HelmError as error:
        return {"error": str(error)}


def refuse_chart(metadata: dict[str, Any], loaded: list[dict[str, Any]]) -> str:
    """Why a chart can't be rendered at all; Helm's own `template` command checks the same before it renders."""
    constraint = str(metadata.get("kubeVersion") or "")
    if constraint and not allows_kubernetes(constraint):
        return f"the chart asks for Kubernetes {constraint}, and charts are rendered for {KUBERNETES_VERSION}"
    if metadata.get("type") == "library":
        return f"chart {metadata.get('name')!r} is a library chart, which renders nothing by itself"
    names = {dependency["name"] for dependency in loaded}
    missing = [str(d["name"]) for d in metadata.get("dependencies") or [] if d["name"] not in names]
    if missing:
        return f"the chart declares dependencies that are not in its charts/ folder: {', '.join(missing)}"
    return ""


def allows_kubernetes(constraint: str) -> bool:
    """Whether the engine's fixed Kubernetes version fits a chart's `kubeVersion`."""
    import_gotpl()
    from gotpl.funcs.sprig.semver import semver_compare

    return bool(semver_compare(constraint, KUBERNETES_VERSION))


def import_templates() -> None:
    """Load what `resolve` needs, so that a broken installation shows early."""
    import_gotpl()
    import gotpl.funcs.sprig.registry
    import gotpl.template  # noqa: F401 - loaded here, used there


def import_charts() -> None:
    """Load what `render` needs; the Helm engine starts with its import."""
    import helm_python  # noqa: F401 - loaded here, used there


def become_cue(command: str) -> None:
    """Become `cue`, which reads a file on stdin and writes its `configs` as JSON on stdout."""
    environment = {"HOME": os.getcwd(), "GOMAXPROCS": "2", "CUE_REGISTRY": "none", "NO_COLOR": "1"}
    os.execve(command, [command, "export", "--out", "json", "-e", "configs", "-"], environment)  # noqa: S606


MEMORY_EXIT = 3
OPERATIONS = {"resolve": (import_templates, resolve), "render": (import_charts, render)}


def main() -> None:
    """Give up, get ready, answer once."""
    sys.path[:0] = sys.argv[2:]
    os.environ["TZ"] = "UTC"
    limit_resources(MEMORY_BYTES[sys.argv[1]])
    refuse_syscalls(may_become=sys.argv[1] == "cue")
    if sys.argv[1] == "cue":
        become_cue(sys.argv[2])
    prepare, operation = OPERATIONS[sys.argv[1]]
    prepare()
    os.write(1, READY)
    try:
        answer = operation(json.loads(sys.stdin.buffer.read()))
        sys.stdout.buffer.write(json.dumps(answer).encode("utf-8", "surrogatepass"))
        sys.stdout.buffer.flush()
    except MemoryError:
        os._exit(MEMORY_EXIT)
    os._exit(0)


if __name__ == "__main__":
    main()
