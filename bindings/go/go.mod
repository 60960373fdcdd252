module plasma

go 1.22
