"""The schema files of a folder, with their references resolved among themselves."""

import json
import re

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, UnknownType, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

BASE = "https://schemas.invalid/"


def _pattern(validator, pattern, instance, schema):
    # ECMA-262 lets `$` match at the end only; Python lets it match before a last newline as well.
    if validator.is_type(instance, "string") and not re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = extend(Draft202012Validator, {"pattern": _pattern})


def _without_dialect(schema):
    # A schema that names its dialect is validated by the dialect's own validator, not by the corrected one.
    return {name: value for name, value in schema.items() if name != "$schema"}


class SchemaSet:
    """All `*.schema.json` below a folder, by their paths in it."""

    def __init__(self, folder):
        self.folder = folder
        self.unreadable = []
        self.schemas = {}
        for file in sorted(folder.rglob("*.schema.json")):
            path = file.relative_to(folder).as_posix()
            try:
                self.schemas[path] = json.loads(file.read_text(encoding="utf-8"))
            except ValueError as error:
                self.unreadable.append((path, str(error)))
        # What is referred to but not there fails as unresolvable: the registry fetches nothing.
        self.registry = Registry().with_resources(
            (BASE + path, DRAFT202012.create_resource(_without_dialect(schema)))
            for path, schema in self.schemas.items()
        )
        self._validators = {}

    def validator(self, reference):
        """A validator for a path in the folder, with or without a fragment."""
        if reference not in self._validators:
            schema = {"$ref": BASE + reference}
            self._validators[reference] = Validator(schema, registry=self.registry)
        return self._validators[reference]

    def errors(self, reference, instance):
        """What is wrong with a JSON value; empty when it is valid."""
        try:
            return list(self.validator(reference).iter_errors(instance))
        except (Unresolvable, UnknownType, re.error) as error:
            return [ValidationError(f"the schema {reference} is broken: {error}")]
        except RecursionError:
            return [ValidationError("nested too deeply")]

    def problems(self, reference, instance):
        return [f"{error.json_path}: {error.message[:300]}" for error in self.errors(reference, instance)]

    def types(self):
        """The wire names that have a schema of their own."""
        return [path.removeprefix("events/").removesuffix(".schema.json") for path in self.schemas if "/" in path]

    def definitions(self, path):
        return self.schemas.get(path, {}).get("$defs", {})

    def check(self, report):
        """Each file is a valid schema, names itself, and refers only to what is there."""
        report.check(bool(self.schemas), "schemas", f"none in {self.folder}")
        for path, problem in self.unreadable:
            report.check(False, path, f"not JSON: {problem}")
        for path, schema in self.schemas.items():
            try:
                Draft202012Validator.check_schema(schema)
                report.check(True, path)
            except SchemaError as error:
                report.check(False, path, f"no valid schema: {error.json_path}: {error.message[:300]}")
            dialect, name = schema.get("$schema"), schema.get("$id")
            report.check(dialect == "https://json-schema.org/draft/2020-12/schema", path, f"$schema is {dialect}")
            report.check(name == path.rpartition("/")[2], path, f"$id is {name}")
            for reference in _references(schema):
                resolver = self.registry.resolver(BASE + path)
                try:
                    resolver.lookup(reference)
                    report.check(True, path)
                except Unresolvable:
                    report.check(False, path, f"the reference {reference} does not resolve")

    def order_problems(self, reference, instance):
        """Objects whose members do not stand in the order in which their schemas list them."""
        return list(self._order({"$ref": BASE + reference}, self.registry.resolver(BASE), instance, "$"))

    def _order(self, schema, resolver, instance, path):
        yield from self._order_of_all([(schema, resolver)], instance, path)

    def _order_of_all(self, sources, instance, path):
        applicable = [part for schema, resolver in sources for part in self._applicable(schema, resolver, instance)]
        if isinstance(instance, list):
            items = [(schema["items"], resolver) for schema, resolver in applicable if "items" in schema]
            for index, element in enumerate(instance):
                yield from self._order_of_all(items, element, f"{path}[{index}]")
        if isinstance(instance, dict):
            members = {}
            for schema, resolver in applicable:
                for name, member in schema.get("properties", {}).items():
                    members.setdefault(name, []).append((member, resolver))
            known = [name for name in instance if name in members]
            expected = [name for name in members if name in instance]
            if known != expected:
                yield f"{path}: the order is {', '.join(known)}; it should be {', '.join(expected)}"
            for name in known:
                yield from self._order_of_all(members[name], instance[name], f"{path}.{name}")

    def _applicable(self, schema, resolver, instance):
        """A schema and those that it applies to the same value."""
        if not isinstance(schema, dict):
            return
        yield schema, resolver
        parts = [(part, resolver) for part in schema.get("allOf", [])]
        if "$ref" in schema:
            resolved = resolver.lookup(schema["$ref"])
            parts.append((resolved.contents, resolved.resolver))
        if "if" in schema:
            branch = "then" if Validator(schema["if"]).is_valid(instance) else "else"
            parts.append((schema.get(branch, True), resolver))
        for part, of in parts:
            yield from self._applicable(part, of, instance)


def _references(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for member in schema.values():
            yield from _references(member)
    elif isinstance(schema, list):
        for element in schema:
            yield from _references(element)
