package main

import (
	hessian "github.com/apache/dubbo-go-hessian2"
	"github.com/apache/dubbo-go-hessian2/java_exception"
)

// NotFound is the exception of the Java service: dubbo-go gives up on what it does not know.
type NotFound struct {
	SerialVersionUID     int64
	DetailMessage        string
	SuppressedExceptions []java_exception.Throwabler
	StackTrace           []java_exception.StackTraceElement
	Cause                java_exception.Throwabler
	Name                 string
	Code                 int32
}

func init() { hessian.RegisterPOJO(&NotFound{}) }

func (e NotFound) Error() string { return e.DetailMessage }

func (e NotFound) GetStackTrace() []java_exception.StackTraceElement { return e.StackTrace }

func (NotFound) JavaClassName() string { return "meltemi.peer.NotFound" }
