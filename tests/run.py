"""Sets up `.venv` and runs everything that must pass: linter, formatting, types, tests.

    python3 tests/run.py             # what CI runs
    python3 tests/run.py --oracle    # also installs PyTorch (CPU), to compare gradients with
    python3 tests/run.py --quick     # linter, types and a part of the tests, in under a minute

Needs nothing but Python >= 3.11 with its venv module. The environment is kept and used again;
it is brought up to date when pyproject.toml has changed. Where CI=true is set, as on most build
servers, PyTorch is tried too, and so are, from Debian's packages, a TeX installation, Graphviz and
Chromium: tests that need what cannot be had are skipped.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "backprop_cli"
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "installed-from"

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pytest", "-n", "auto", "-rs"),
)
"""Everything; at the end pytest says which tests were skipped, and why."""

QUICK_TESTS = (
    "arrays blank bounds check_cli compiled formulas grading ids layers_of_imports"
    " losses model_errors reports run schema slips steps table values"
).split()
QUICK = (
    *CHECKS[:-1],
    ("pytest", "-n", "auto", "-rs", *(f"tests/test_{name}.py" for name in QUICK_TESTS)),
)
"""Less than a minute: what most changes break first."""

TORCH = "2.13.0"
TORCH_SECONDS = 300

PROGRAMS = (
    (("pdflatex", "lualatex"), "texlive-latex-base"),
    (("dot",), "graphviz"),
    (("chromium", "chromium-browser", "google-chrome"), "chromium"),
)
"""Programs that tests use where one of them is there, and the Debian package that has it."""

APT = ("apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=60")
PACKAGE_SECONDS = 240


def main() -> int:
    """Installs, runs every check whatever the others say, and returns the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036  # this file is run before anything is installed
        print("tests/run.py needs Python 3.11 or newer")
        return 2
    parser = argparse.ArgumentParser(description="Runs linter, types and tests in .venv.")
    parser.add_argument("--oracle", action="store_true", help="also install PyTorch (CPU)")
    parser.add_argument("--quick", action="store_true", help="a part of the tests, in a minute")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the program is started hundreds of times
    is_ci = os.environ.get("CI") == "true"
    wants_oracle = options.oracle or is_ci
    if is_ci:
        add_programs()
    if not installed():
        return 2
    if wants_oracle:
        print(oracle())
    checks = QUICK if options.quick else CHECKS
    failed = [shlex.join(check) for check in checks if run("-m", *check) != 0]
    print("failed: " + "; ".join(failed) if failed else "all checks passed")
    return 1 if failed else 0


def run(*arguments: str, seconds: float | None = None) -> int:
    """Runs the environment's Python from the top of the repository, printing the command first."""
    print("$", shlex.join([str(PYTHON.relative_to(ROOT)), *arguments]), flush=True)
    command = [str(PYTHON), *arguments]
    try:
        return subprocess.run(command, cwd=ROOT, timeout=seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        print(f"stopped after {seconds:.0f} s")
        return 1


def installed() -> bool:
    """Whether `.venv` holds the product from here and its test tools; makes it so if need be."""
    if up_to_date():
        print(f"using {VENV.name} as it is")
        return True
    same_python = ask("import sys; print(sys.version_info[:2])") == str(sys.version_info[:2])
    print("installing into" if same_python else "making", VENV.name, flush=True)
    if not same_python:
        venv.create(VENV, clear=True, with_pip=True)
    if run("-m", "pip", "install", "--quiet", "--editable", ".[test]") != 0:
        print("the installation failed")
        return False
    STAMP.write_text(fingerprint())
    return True


def up_to_date() -> bool:
    """Whether the environment was made by this Python from this pyproject.toml, and still is."""
    if not STAMP.exists() or STAMP.read_text() != fingerprint():
        return False
    return Path(ask("import backprop_cli as b; print(b.__file__)")).is_relative_to(ROOT / PACKAGE)


def ask(code: str) -> str:
    """What a line of Python prints in the environment, or nothing where it fails."""
    try:
        command = [str(PYTHON), "-I", "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def fingerprint() -> str:
    """What the environment is made from."""
    project = (ROOT / "pyproject.toml").read_bytes()
    return f"{sys.version_info[:2]} {hashlib.sha256(project).hexdigest()}"


def add_programs() -> None:
    """Installs the programs that are missing where that is allowed, and says which are there."""
    missing = [package for names, package in PROGRAMS if not any(map(shutil.which, names))]
    if missing and as_root() is not None and apt("update"):
        for package in missing:
            apt("install", "--yes", "--no-install-recommends", package)
    for names, package in PROGRAMS:
        found = next(filter(None, map(shutil.which, names)), None)
        said = found or "NOT installed, tests that need it are skipped"
        print(f"{package}: {said}", flush=True)


def apt(*arguments: str) -> bool:
    """Whether apt-get did it within its time."""
    limit = ("timeout", str(PACKAGE_SECONDS))
    command = [*(as_root() or ()), *limit, *APT, *arguments]
    print("$", shlex.join(command), flush=True)
    try:
        return subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    except OSError:
        return False


def as_root() -> tuple[str, ...] | None:
    """What stands before a command to run it as root; None without apt-get or the right to."""
    if not shutil.which("apt-get") or not shutil.which("timeout"):
        return None
    settings = ("env", "DEBIAN_FRONTEND=noninteractive")
    if os.geteuid() == 0:
        return settings
    asked = ["sudo", "--non-interactive", "true"]
    allowed = shutil.which("sudo") and subprocess.run(asked, check=False).returncode == 0
    return ("sudo", "--non-interactive", *settings) if allowed else None


def oracle() -> str:
    """Installs PyTorch where it can be had in reasonable time, and says whether it is there."""
    if ask("import torch; print(torch.__version__)") or any(map(install_torch, torch_places())):
        return "PyTorch oracle: installed, gradients are compared with it"
    return "PyTorch oracle: NOT installed, tests that compare with it are skipped"


def torch_places() -> tuple[tuple[str, ...], ...]:
    """Options of pip under which a CPU build may be found: as configured, then PyTorch's own index.

    On Linux the version is marked +cpu: the plain one brings gigabytes of CUDA with it.
    """
    if sys.platform != "linux":
        return ((f"torch=={TORCH}",),)
    pinned = f"torch=={TORCH}+cpu"
    return ((pinned,), (pinned, "--index-url", "https://download.pytorch.org/whl/cpu"))


def install_torch(place: tuple[str, ...]) -> bool:
    """Whether pip could install PyTorch from there; binaries only, with a time limit."""
    quick = ("--quiet", "--only-binary", ":all:", "--retries", "1", "--timeout", "30")
    return run("-m", "pip", "install", *quick, *place, seconds=TORCH_SECONDS) == 0


if __name__ == "__main__":
    sys.exit(main())
