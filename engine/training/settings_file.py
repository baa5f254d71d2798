"""The settings of a run as a YAML file, to be read by people and given back to `train --config`."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import DataError, SettingsError
from engine.settings import TrainingConfig, help_text, problems

MOST_BYTES = 100_000
WIDTH = 100
HEAD = """\
# The settings of the run {name}.
# Use them again: train DATA --config FILE. Lines may be left out: what is missing is then chosen for the data.
"""


@dataclass(frozen=True)
class Written:
    """What a settings file says. name: of the file. lines: where each value stands, counted from 1."""

    name: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    def located(self, wrong: Mapping[str, str], but: Mapping[str, object] = {}) -> dict[str, str]:
        """{place in this file or field: sentence}. but: fields that were set in another place."""
        return {
            f"{self.name}, line {self.lines[one]}, {one}" if one in self.lines and one not in but else one: said
            for one, said in wrong.items()
        }


def text(settings: Mapping[str, object], name: str) -> str:
    """YAML with the meaning of every setting above it. name: of the run."""
    import yaml

    parts = [HEAD.format(name=" ".join(name.split()))]
    for one, value in settings.items():
        meaning = textwrap.fill(help_text(one), WIDTH, initial_indent="# ", subsequent_indent="# ")
        line = yaml.safe_dump({one: value}, allow_unicode=True, width=10**6)
        parts.append(f"{meaning}\n{line}")
    return "\n".join(parts)


def read(path: Path) -> Written:
    """Raises DataError where there is no such file or it is no YAML, SettingsError naming each wrong key with its line."""
    import yaml

    try:
        content = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"The settings file {path} cannot be read ({error.strerror}).", "Give another file with --config."
        ) from error
    except UnicodeDecodeError as error:
        raise _no_settings(path, "it is no text in UTF-8") from error
    if len(content) > MOST_BYTES:
        raise _no_settings(path, "it is far too long")
    try:
        # A few lines of parts that stand for others may mean more than any memory holds, and no setting needs them.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(content, Loader=yaml.SafeLoader)):
            raise _no_settings(path, "a part of it is written as *name, for what stands elsewhere")
        tree, values = yaml.compose(content, Loader=yaml.SafeLoader), yaml.safe_load(content)
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _no_settings(path, f"it is no YAML{line} ({error.problem})") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _no_settings(path, "it is no YAML") from error
    if values is None:
        return Written(path.name)
    if not isinstance(values, dict):
        raise _no_settings(path, "it does not say 'setting: value' line by line")
    return _checked(path, tree, values)


def _checked(path: Path, tree, values: dict) -> Written:
    lines, wrong = {}, {}
    for key, _ in tree.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            wrong[f"{path.name}, line {line}, {name}"] = f"stands in line {lines[name]} already."
        lines.setdefault(name, line)
    written = Written(path.name, {str(key): value for key, value in values.items()}, lines)
    wrong |= written.located(problems(**written.values))
    yes_or_no = {
        name: f"must be a number or a word; it is {value!r}, which YAML takes for yes or no. Put it in quotes."
        for name, value in written.values.items()
        if isinstance(value, bool)
        and name in TrainingConfig.model_fields
        and TrainingConfig.model_fields[name].annotation is not bool
    }
    wrong |= written.located(yes_or_no)
    if wrong:
        raise SettingsError(wrong)
    return written


def _no_settings(path: Path, why: str) -> DataError:
    return DataError(
        f"{path.name} is no settings file: {why}.",
        "Write one with export RUN --format settings, and change its values.",
        "no_settings",
    )
