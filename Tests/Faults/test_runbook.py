"""Docs/Operations.md is true: its blocks marked `<!-- runbook -->` are run as they stand, one after
the other in one shell, and each line shown after a block is one that it printed."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent.parent
RUNBOOK = CHECKOUT / "Docs/Operations.md"
TOOLS = ["ip", "tc", "nft", "curl", "openssl", "awk"]
MARK = "== block"

BLOCK = re.compile(
    r"^<!-- runbook -->\n```sh\n(?P<commands>.*?)^```\n(?:```text\n(?P<shown>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


def blocks():
    return [(one["commands"], one["shown"] or "") for one in BLOCK.finditer(RUNBOOK.read_text())]


def pattern(line):
    """A line as shown: `…` stands for anything, and spaces for any number of them."""
    words = [".*".join(re.escape(part) for part in word.split("…")) for word in line.split()]
    return re.compile(r"\s+".join(words))


def test_what_is_shown_is_compared():
    assert pattern("a  b … [c]").fullmatch("a b  anything at all [c]")
    assert not pattern("a b").fullmatch("a c")
    text = RUNBOOK.read_text()
    # None is passed over because it is not written as the others.
    assert len(blocks()) == text.count("<!-- runbook -->") > 8


@pytest.mark.limit(300)
def test_the_runbook_does_what_it_says(binary, tmp_path):
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and {', '.join(missing or TOOLS)}")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/shoal").symlink_to(binary)
    work = tmp_path / "work"
    work.mkdir()
    parts = ["set -e -o pipefail", "trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT"]
    for number, (commands, _) in enumerate(blocks()):
        parts += [f"echo '{MARK} {number}'", commands]
    script = tmp_path / "runbook.sh"
    script.write_text("\n".join(parts))
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("SHOAL_")},
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SHOAL_TESTNET_DIR": str(CHECKOUT / "testnet"),
        # Networks of other runs are left alone.
        "SHOAL_TESTNET_STATE": str(tmp_path / "state"),
    }
    output = tmp_path / "output"
    with output.open("wb") as out:
        # In a session of its own: whatever it leaves behind ends with the test.
        shell = subprocess.Popen(
            ["bash", script], cwd=work, env=environment, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )
        try:
            status = shell.wait(timeout=240)
        except subprocess.TimeoutExpired:
            status = "none after 240 s"
        finally:
            shell.terminate()
            shell.wait()
            subprocess.run([binary, "testnet", "down"], env=environment, check=True)
    text = output.read_text(errors="replace")
    assert status == 0, f"status {status}\n{text[-6000:]}"
    printed = re.split(rf"^{MARK} \d+$", text, flags=re.MULTILINE)[1:]
    assert len(printed) == len(blocks())
    for (commands, shown), lines in zip(blocks(), printed, strict=True):
        for line in filter(None, shown.splitlines()):
            assert any(pattern(line).fullmatch(one.strip()) for one in lines.splitlines()), (
                f"'{line}' was not printed by\n{commands}\nbut\n{lines[-4000:]}"
            )
