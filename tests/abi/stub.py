"""stub.py HEADER: a library in C of what the header declares, whose functions do nothing.

With -DENUMS it also has a variable of each enum, since no function takes or returns one.
"""

import re
import sys
from pathlib import Path

FUNCTION = r"^([a-z][\w ]*?[ *])(plasma_\w+)\(([^;{]*)\);"


def main(header):
    text = re.sub(r"/\*.*?\*/", "", Path(header).read_text(), flags=re.S)
    found = re.findall(FUNCTION, text, flags=re.M)
    if not found:
        sys.exit(f"{header}: no functions found")
    print("#include <plasma.h>\n#ifdef ENUMS")
    for enum in re.findall(r"^typedef enum (\w+)", text, flags=re.M):
        print(f"enum {enum} enum_{enum};")
    print("#endif")
    for result, name, arguments in found:
        body = "" if result.strip() == "void" else "return 0; "
        print(f"{result}{name}({arguments}) {{ {body}}}")


if __name__ == "__main__":
    main(sys.argv[1])
