module meltemi.test/thriftpeer

go 1.22

require github.com/apache/thrift v0.17.0
