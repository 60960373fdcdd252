# Makes Lifetime, Threads, Fork, Cost and Since bold. In the comments of types, each has a line of its
# own, with two or more spaces after the colon.
s/^( *\* )(Threads|Fork):  +/\1<br>**\2:** /
s/^( *\* )(Lifetime|Threads|Since): +/\1**\2:** /
s/   (Cost|Since): / **\1:** /g

# Replaces the title of docs/guide/caveats.md, which is that of plasma.h in the header.
s/^# Plasma: immutable objects .*/# Caveats and conventions {#caveats}/

# Users of a class include plasma.hpp, not the file of the class.
s#^(template .*)?(class|struct) .*\{$#/** @headerfile plasma.hpp */\n&#
