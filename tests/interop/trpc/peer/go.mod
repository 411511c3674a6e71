module meltemi.test/trpcpeer

go 1.22

require trpc.group/trpc-go/trpc-go v1.0.3
