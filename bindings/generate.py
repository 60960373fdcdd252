#!/usr/bin/env python3
"""Writes the tables of each binding from plasma.json, which `make header` writes.

generate.py            writes the tables
generate.py --check    fails if a table is not what it would write
generate.py --c FILE   prints a C program that compiles only if a description is true
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SAY = "Generated from bindings/plasma.json by bindings/generate.py; `make header` writes it."
Json = dict


def short(constant: str) -> str:
    """The name of a constant in a language that has namespaces."""
    return re.sub("^PLASMA_(ERR_)?", "", constant)


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.lower().split("_"))


def statuses(api: Json) -> "list[Json]":
    return next(it["values"] for it in api["enums"] if it["name"] == "plasma_status")


def constants(api: Json) -> "list[Json]":
    """All constants that are not statuses."""
    others = [it["values"] for it in api["enums"] if it["name"] != "plasma_status"]
    return api["constants"] + [value for values in others for value in values]


def base(api: Json, kind: str) -> str:
    """The type of C that an alias stands for; `*` for any pointer."""
    if kind.endswith("*"):
        return "*"
    return next((it["type"] for it in api["aliases"] if it["name"] == kind), kind)


def c(api: Json) -> str:
    """Asserts of all that the description says."""
    out = [f"/* {SAY} */", "#include <plasma.h>", ""]
    say = out.append

    def equal(left: str, right: object) -> None:
        say(f'_Static_assert({left} == {right}, "{left}");')

    for it in constants(api) + statuses(api):
        equal(it["name"], it["value"])
    for it in api["aliases"]:
        say(f'_Static_assert(_Generic(({it["name"]})0, {it["type"]}: 1, default: 0), "alias");')
    for it in api["handles"]:
        say(f"extern {it['name']} *handle_{it['name']};")
    initial = []
    for it in api["structs"]:
        equal(f"sizeof({it['name']})", it["size"])
        equal(f"_Alignof({it['name']})", it["align"])
        for field in it["fields"]:
            place = f"(({it['name']} *)0)->{field['name']}"
            equal(f"offsetof({it['name']}, {field['name']})", field["offset"])
            if "count" in field:
                equal(f"sizeof({place}) / sizeof({field['type']})", field["count"])
            kind = f"{field['type']}{' *' if 'count' in field else ''}"
            say(f'_Static_assert(_Generic({place}, {kind}: 1, default: 0), "type of {place}");')
            if "initial" in field:
                initial.append((it["name"], field["name"], field["initial"]))
    for it in api["functions"]:
        kinds = ", ".join(each["type"] for each in it["parameters"]) or "void"
        say(f"extern {it['result']} (*const signature_{it['name']})({kinds});")
        say(f"{it['result']} (*const signature_{it['name']})({kinds}) = {it['name']};")
    # An initializer is no constant expression: the optimizer leaves out the calls of what is right.
    say('extern void wrong(void) __attribute__((error("an initial value")));\nvoid initials(void);')
    say("void initials(void)\n{")
    for struct, field, value in initial:
        begin = struct[:-2].upper() + "_INIT"
        value = f"sizeof({struct})" if value == "sizeof" else value
        say(f"    {struct} {struct}_{field} = {begin};")
        say(f"    if ({struct}_{field}.{field} != {value})\n        wrong();")
    say("}")
    return "\n".join(out) + "\n"


JAVA = {
    "*": "MemorySegment",
    "int64_t": "long",
    "uint64_t": "long",
    "size_t": "long",
    "void": "void",
}


def java_native(api: Json) -> str:
    """Native.java: constants, offsets, and a method for each function."""
    out = [f"// {SAY}", "package plasma;", ""]
    say = out.append
    say("import static java.lang.foreign.ValueLayout.*;\n")
    say("import java.lang.foreign.*;\nimport java.lang.invoke.MethodHandle;\n")
    say("/** The functions of plasma.h, as they are there. */")
    say("final class Native {")
    for it in constants(api):
        say(f"    /** {it['doc']} */\n    static final int {short(it['name'])} = {it['value']};")
    for it in api["structs"]:
        say(f"\n    /** {it['doc']} */\n    static final class {camel(it['name'][7:-2])} {{")
        say(f"        static final long SIZE = {it['size']};")
        for field in it["fields"]:
            name = field["name"].upper() + ("_" if field["name"] == "size" else "")
            say(f"        static final long {name} = {field['offset']};")
        say("    }")
    say(f'\n    private static final SymbolLookup LIBRARY = Library.find("{api["soname"]}");\n')
    say("    private static MethodHandle find(String name, FunctionDescriptor type) {")
    say("        return Linker.nativeLinker()")
    say("            .downcallHandle(LIBRARY.find(name).orElseThrow(), type);\n    }")
    layouts = {"MemorySegment": "ADDRESS", "long": "JAVA_LONG", "int": "JAVA_INT"}
    for it in api["functions"]:
        names = [camel(each["name"]) for each in it["parameters"]]
        names = [name[0].lower() + name[1:] for name in names]
        kinds = [JAVA.get(base(api, each["type"]), "int") for each in it["parameters"]]
        result = JAVA.get(base(api, it["result"]), "int")
        types = [layouts[kind] for kind in kinds]
        of = (
            f"of({', '.join([layouts[result], *types])})"
            if result != "void"
            else f"ofVoid({', '.join(types)})"
        )
        upper = it["name"].upper()
        say(f"\n    private static final MethodHandle {upper} =")
        say(f'        find("{it["name"]}", FunctionDescriptor.{of});')
        say(f"\n    /** {it['doc']} */")
        declared = ", ".join(f"{kind} {name}" for kind, name in zip(kinds, names))
        say(f"    static {result} {it['name']}({declared}) {{\n        try {{")
        call = f"{upper}.invokeExact({', '.join(names)});"
        say(f"            {call}" if result == "void" else f"            return ({result}) {call}")
        say("        } catch (Throwable thrown) {")
        say("            throw Library.unexpected(thrown);\n        }\n    }")
    say("\n    private Native() {}\n}")
    return "\n".join(out) + "\n"


def java_status(api: Json) -> str:
    out = [
        f"// {SAY}",
        "package plasma;",
        "",
        "/** The result of a call. */",
        "public enum Status {",
    ]
    for it in statuses(api):
        out.append(f"    /** {it['doc']} */\n    {short(it['name'])}({it['value']}),")
    out.append("    /** A status that a newer library knows. */\n    UNKNOWN(Integer.MIN_VALUE);\n")
    out.append("    /** The number in plasma.h. */\n    public final int number;\n")
    out.append("    Status(int number) {\n        this.number = number;\n    }\n")
    out.append("    /** Returns the status with a number of plasma.h. */")
    out.append(
        "    public static Status of(int number) {\n        for (Status status : values()) {"
    )
    out.append("            if (status.number == number) return status;")
    out.append("        }\n        return UNKNOWN;\n    }\n}")
    return "\n".join(out) + "\n"


def node(api: Json) -> str:
    """native.js: tables for koffi and for offsets in buffers."""
    kinds = {"*": "void *", "int64_t": "int64", "uint64_t": "uint64", "size_t": "size_t",
             "int32_t": "int32", "uint32_t": "uint32", "int": "int", "void": "void"}  # fmt: skip
    out = [f"// {SAY}", "'use strict';", "", f"exports.soname = '{api['soname']}';", ""]
    say = out.append
    say("exports.statuses = {")
    out += [f"  {short(it['name'])}: {it['value']}," for it in statuses(api)]
    say("};\n\nexports.constants = {")
    out += [f"  {short(it['name'])}: {it['value']}," for it in constants(api)]
    say("};\n\n// The size of each struct, and the offset of each field.\nexports.structs = {")
    for it in api["structs"]:
        say(f"  {it['name'][7:-2]}: {{\n    sizeof: {it['size']},")
        out += [f"    {field['name']}: {field['offset']}," for field in it["fields"]]
        say("  },")
    say("};\n\n// The result of each function, and its parameters.\nexports.functions = {")
    for it in api["functions"]:
        result = (
            "const char *" if it["result"] == "const char *" else kinds[base(api, it["result"])]
        )
        types = [each["type"] for each in it["parameters"]]
        types = [
            "const char *" if kind == "const char *" else kinds[base(api, kind)] for kind in types
        ]
        say(f"  {it['name']}: ['{result}', [{', '.join(repr(kind) for kind in types)}]],")
    say("};")
    return "\n".join(out) + "\n"


def ruby(api: Json) -> str:
    """native.rb: constants, offsets and functions for Fiddle."""
    kinds = {"*": "VOIDP", "int64_t": "INT64_T", "uint64_t": "UINT64_T", "size_t": "SIZE_T",
             "int32_t": "INT32_T", "uint32_t": "UINT32_T", "int": "INT",
             "void": "VOID"}  # fmt: skip
    out = ["# frozen_string_literal: true", "", f"# {SAY}", "require 'fiddle'", "", "module Plasma"]
    say = out.append
    for it in constants(api):
        say(f"  # {it['doc']}\n  {short(it['name'])} = {it['value']}")
    say("\n  # plasma.h, as it is there.\n  module Native\n    include Fiddle\n")
    say(f"    SONAME = '{api['soname']}'\n\n    STATUSES = {{")
    out += [f"      {it['value']} => :{short(it['name'])}," for it in statuses(api)]
    say("    }.freeze\n\n    # The size of each struct, and the offset of each field.")
    say("    STRUCTS = {")
    for it in api["structs"]:
        fields = "".join(f",\n        {field['name']}: {field['offset']}" for field in it["fields"])
        say(f"      {it['name'][7:-2]}: {{\n        sizeof: {it['size']}{fields}\n      }},")
    say("    }.freeze\n\n    # The result of each function, and its parameters.\n    FUNCTIONS = {")
    for it in api["functions"]:
        types = ", ".join(f"TYPE_{kinds[base(api, each['type'])]}" for each in it["parameters"])
        say(f"      {it['name']}: [TYPE_{kinds[base(api, it['result'])]}, [{types}]],")
    # Ruby 3.1's Fiddle names no unsigned types: there they are negative.
    text = "\n".join(out) + "\n    }.freeze\n  end\nend\n"
    return text.replace("TYPE_UINT64_T", "-TYPE_INT64_T").replace("TYPE_UINT32_T", "-TYPE_INT32_T")


def go(api: Json) -> str:
    """constants.go; cgo reads the rest from plasma.h."""
    out = [
        "// Code generated from bindings/plasma.json by bindings/generate.py; DO NOT EDIT.",
        "",
        "package plasma",
        "",
    ]
    say = out.append
    say("// Status is the result of a call. Each is an error that errors.Is finds.")
    say("type Status int32\n")
    say("// The statuses of plasma.h.\nconst (")
    for it in statuses(api):
        name = "OK" if it["value"] == 0 else "Err" + camel(short(it["name"]))
        say(f"\t// {it['doc']}\n\t{name} Status = {it['value']}")
    say(")\n\n// The constants of plasma.h.\nconst (")
    for it in constants(api):
        say(f"\t// {it['doc']}\n\t{camel(short(it['name']))} = {it['value']}")
    say(")")
    return "\n".join(out) + "\n"


def r(api: Json) -> str:
    """constants.R; the C code of the package reads the rest from plasma.h."""
    out = [f"# {SAY}", "", "statuses <- c("]
    out.append(",\n".join(f"  {short(it['name'])} = {it['value']}L" for it in statuses(api)))
    out.append(")\n\nconstants <- list(")
    out.append(",\n".join(f"  {short(it['name'])} = {it['value']}L" for it in constants(api)))
    return "\n".join(out) + "\n)\n"


def julia(api: Json) -> str:
    """native.jl: constants, structs and functions for ccall."""
    kinds = {"*": "Ptr{Cvoid}", "int64_t": "Int64", "uint64_t": "UInt64", "size_t": "Csize_t",
             "int32_t": "Int32", "uint32_t": "UInt32", "int": "Cint", "void": "Cvoid",
             "char": "UInt8", "uint8_t": "UInt8"}  # fmt: skip
    texts = {"const char *": "Cstring"}  # which Julia checks and converts
    structs = [it["name"] for it in api["structs"]]

    def kind(name: str) -> str:
        return camel(name[7:-2]) + "C" if name in structs else kinds[base(api, name)]

    def passed(name: str) -> str:
        return texts.get(name) or kind(name)

    out = [f"# {SAY}", "", f'const LIBRARY = get(ENV, "PLASMA_LIBRARY", "{api["soname"]}")', ""]
    say = out.append
    for it in constants(api):
        say(f"const {short(it['name'])} = {it['value']}")
    out += [f"const {short(it['name'])} = Int32({it['value']})" for it in statuses(api)]
    for it in api["structs"]:
        say(f"\nstruct {kind(it['name'])}")
        for field in it["fields"]:
            text = kind(field["type"])
            say(
                f"    {field['name']}::"
                + (f"NTuple{{{field['count']},{text}}}" if "count" in field else text)
            )
        say(f"end\n@assert sizeof({kind(it['name'])}) == {it['size']}")
    say("")
    for it in api["functions"]:
        names = ", ".join(each["name"] for each in it["parameters"])
        types = "".join(f"{passed(each['type'])}, " for each in it["parameters"])
        values = "".join(f", {each['name']}" for each in it["parameters"])
        call = f"(:{it['name']}, LIBRARY), {passed(it['result'])}, ({types.strip()}){values}"
        say(f"{it['name']}({names}) =\n    ccall({call})")
    return "\n".join(out) + "\n"


TABLES = {
    "java/src/plasma/Native.java": java_native,
    "java/src/plasma/Status.java": java_status,
    "node/native.js": node,
    "ruby/lib/plasma/native.rb": ruby,
    "go/constants.go": go,
    "r/R/constants.R": r,
    "julia/src/native.jl": julia,
}

# The line with the version in the packages that are written by hand.
VERSIONS = {
    "node/package.json": '"version": ".*"',
    "ruby/plasma-store.gemspec": "version = '.*'",
    "r/DESCRIPTION": "Version: .*",
    "julia/Project.toml": 'version = ".*"',
}


def versioned(text: str, pattern: str, version: str) -> str:
    """A text with another version in the line of a pattern."""
    line = re.compile(pattern.replace(".*", r"[0-9.]+"))
    assert len(line.findall(text)) == 1, pattern
    return line.sub(pattern.replace(".*", version), text)


def main(arguments: "list[str]") -> "str | None":
    if arguments[:1] == ["--c"]:
        sys.stdout.write(c(json.loads(Path(arguments[1]).read_text())))
        return None
    api = json.loads((HERE / "plasma.json").read_text())
    texts = {name: table(api) for name, table in TABLES.items()}
    for name, pattern in VERSIONS.items():
        texts[name] = versioned((HERE / name).read_text(), pattern, api["version"])
    for name, text in texts.items():
        path = HERE / name
        if arguments == ["--check"]:
            if not path.exists() or path.read_text() != text:
                return f"bindings/{name} is not what plasma.json says: run `make header`"
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
