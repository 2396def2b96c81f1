"""A measuring process: one job, named on the command line with its arguments as JSON; prints its result as JSON."""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    """Run `module:function` with the arguments beside it."""
    arguments = json.loads(sys.argv[1])
    module, function = arguments.pop("job").split(":")
    result = getattr(importlib.import_module(f"{__package__}.{module}"), function)(**arguments)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
