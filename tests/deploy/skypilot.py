"""A SkyPilot task against SkyPilot's own JSON schemas: `skypilot.py WHEEL TASK.yaml`.

The wheel is not installed: modules other than those of the schemas are stood in for. What they would bring into a schema, such as
lists of clouds, is then not checked.
"""

import importlib.abc
import importlib.machinery
import sys
import types
from unittest.mock import MagicMock

import jsonschema
import yaml

OWN = ("sky.utils.schemas", "sky.utils.kubernetes_enums", "sky.skylet.constants")


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if not name.startswith("sky.") or name in OWN:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__spec__, module.__path__ = spec, []
        return module

    def exec_module(self, module):
        pass


def plain(value):
    """Without stand-ins, which allow anything."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key != "case_insensitive_enum"}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return {} if isinstance(value, MagicMock) else value


wheel, task = sys.argv[1:]
for package in ("sky", "sky.utils", "sky.skylet"):
    module = types.ModuleType(package)
    module.__path__ = [f"{wheel}/{package.replace('.', '/')}"]
    module.__version__ = module.__commit__ = "0"
    sys.modules[package] = module
sys.path.insert(0, wheel)
sys.meta_path.insert(0, StandIn())
from sky.utils import schemas  # noqa: E402

with open(task) as file:
    config = yaml.safe_load(file)
jsonschema.validate(config, plain(schemas.get_task_schema()))
jsonschema.validate(config["resources"], plain(schemas.get_resources_schema()))
for mount in config["file_mounts"].values():
    jsonschema.validate(mount, plain(schemas.get_storage_schema()))
for misspelled in ({**config, "num_node": 4}, {**config, "num_nodes": "four"}):
    try:
        jsonschema.validate(misspelled, plain(schemas.get_task_schema()))
    except jsonschema.ValidationError:
        continue
    raise SystemExit("the schema lets a misspelled task pass")
print(f"ok: {task} by the schemas of SkyPilot")
