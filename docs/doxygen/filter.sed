# Lifetime, Threads, Fork, Cost and Since: plain words in the headers, bold ones in the manual.
# Those of types stand below each other, with two spaces or more behind the colon.
s/^( *\* )(Threads|Fork):  +/\1<br>**\2:** /
s/^( *\* )(Lifetime|Threads|Since): +/\1**\2:** /
s/   (Cost|Since): / **\1:** /g

# The title of docs/guide/caveats.md is that of plasma.h, where it is the first comment.
s/^# Plasma: immutable objects .*/# Caveats and conventions {#caveats}/

# Who uses a class includes plasma.hpp, not the part of it where the class is.
s#^(template .*)?(class|struct) .*\{$#/** @headerfile plasma.hpp */\n&#
