"""Print the oldest versions that pyproject.toml allows, as constraints for pip."""

import tomllib
from itertools import chain
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
requirements = {*project["dependencies"], *chain(*project["optional-dependencies"].values())}
print(*sorted(r.replace(">=", "==") for r in requirements if ">=" in r), sep="\n")
