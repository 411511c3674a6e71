module meltemi.test/brpcpeer

go 1.22

require github.com/icexin/brpc-go v0.0.0
