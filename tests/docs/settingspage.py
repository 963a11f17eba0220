#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/settings.md, made from what the engine says of its settings:  settingspage.py ENGINE > docs/settings.md"""
import re
import subprocess
import sys

HEAD = """<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made from kav-engine --help by the target update-settings-page; a test compares the two. -->
# Every setting

A setting is taken from its flag, else from its environment variable (the first named that is set), else from the TOML file
under its key, else it has its default. Secrets are no flags; a variable with `_FILE` behind its name names a file that holds
the secret. `kav-engine --help` prints the same, and `kav-engine example-config` a commented file to begin with.
Durations: `250ms`, `4s`, `30m`, `2h`; a bare number is milliseconds. Sizes: `64KiB`, `1MiB`; a bare number is bytes.

Personas (`[persona.NAME]`) stand in the file only: [resources/kav.example.toml](../resources/kav.example.toml) shows them.
"""


class Setting:
    def __init__(self, section, names, about, limits, default):
        self.section = section
        self.flags = [name for name in names if name.startswith("--")]
        self.key = next(name for name in names if re.match(r"^[a-z_]+\.", name))
        self.variables = [name for name in names if re.match(r"^[A-Z]", name)]
        self.about = about
        self.limits = limits
        self.default = default
        self.secret = limits == "secret"


def sections(text):
    """(name, what it is about, its lines)"""
    found = []
    for line in text.split("\n"):
        head = re.match(r"^\[([a-z_]+)\]  (.*)$", line)
        if head:
            found.append((head[1], head[2], []))
        elif line.startswith("["):
            break  # personas: no table of settings
        elif found:
            found[-1][2].append(line)
    return found


def read(text):
    found = []
    for section, _, lines in sections(text):
        for line, about, limits in zip(lines, lines[1:], lines[2:]):
            if not re.match(r"^  \S", line):
                continue
            kind = re.match(r"^      (.*); default: (.*)$", limits)
            if not kind:
                raise ValueError(f"a setting is told in a way that is not known here: {line!r} {limits!r}")
            found.append(Setting(section, line.strip().split(", "), about.strip(), kind[1], kind[2]))
    if not found:
        raise ValueError("no setting was found in the engine's help")
    return found


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def page(text):
    settings = read(text)
    parts = [HEAD]
    for section, about, _ in sections(text):
        parts.append(f"\n## [{section}]\n{about[0].upper() + about[1:]}.\n\n"
                     "| key | what it is | takes | default | flag and variables |\n|---|---|---|---|---|\n")
        for setting in settings:
            if setting.section == section:
                names = "<br>".join(f"`{name}`" for name in setting.flags + setting.variables)
                parts.append(f"| `{setting.key}` | {cell(setting.about)} | {cell(setting.limits)} | {cell(setting.default)} "
                             f"| {names} |\n")
    return "".join(parts)


if __name__ == "__main__":
    program = subprocess.run([sys.argv[1], "--help"], check=True, capture_output=True, encoding="utf-8")
    sys.stdout.write(page(program.stdout))
