"""Cells of the table in docs/providers/sdks.md: a cell says something when its test has passed."""

import functools
import importlib.metadata
import inspect
import json
import os


def record(sdk, provider, feature, result):
    version = importlib.metadata.version(sdk)
    with open(os.environ["MATRIX"], "a", encoding="utf-8") as file:
        row = {"sdk": sdk, "version": version, "provider": provider, "feature": feature, "result": result}
        file.write(json.dumps(row) + "\n")


def cell(sdk, provider, feature, result="works"):
    """Marks the test that shows how this feature of an SDK fares."""

    def mark(test):
        @functools.wraps(test)
        async def run_async(*arguments):
            await test(*arguments)
            record(sdk, provider, feature, result)

        @functools.wraps(test)
        def run(*arguments):
            test(*arguments)
            record(sdk, provider, feature, result)

        return run_async if inspect.iscoroutinefunction(test) else run

    return mark


def without(sdk, provider, features, why):
    """Features that there is nothing to run for."""
    for feature in features:
        record(sdk, provider, feature, why)
