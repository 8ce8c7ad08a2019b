package main

import (
	"bytes"
	"fmt"
	"reflect"

	"github.com/vmihailenco/msgpack/v5"
	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/go-client/benchcodec/codecpb"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// The messages as plain structs, which msgpack writes as arrays: for comparison only. In an array a field is known by its
// place, so a reader of another version of the message reads other fields.
type (
	flightArray struct {
		_msgpack struct{} `msgpack:",as_array"`

		Row                                                                                uint64
		Year, Month, Day, DepTime, SchedDepTime, DepDelay, ArrTime, SchedArrTime, ArrDelay *int64
		Carrier                                                                            string
		Flight                                                                             *int64
		Tailnum, Origin, Dest                                                              string
		AirTime, Distance, Hour, Minute                                                    *int64
		TimeHour                                                                           string
	}
	flightsArray struct {
		_msgpack struct{} `msgpack:",as_array"`

		Flights []flightArray
	}
	kilobyteArray struct {
		_msgpack struct{} `msgpack:",as_array"`

		Kind                     uint32
		Payload                  []byte
		Correlation              uint64
		Source, Target, TypeName string
		Version                  uint32
		ReplyTo                  string
	}
)

func arrayOf(message proto.Message) (any, error) {
	switch m := message.(type) {
	case *codecpb.Flight:
		flight := flightOf(m)
		return &flight, nil
	case *codecpb.Flights:
		flights := &flightsArray{}
		for _, flight := range m.Flights {
			flights.Flights = append(flights.Flights, flightOf(flight))
		}
		return flights, nil
	case *codecpb.Kilobyte:
		return &kilobyteArray{
			Kind: m.Kind, Payload: m.Payload, Correlation: m.Correlation, Source: m.Source, Target: m.Target,
			TypeName: m.TypeName, Version: m.Version, ReplyTo: m.ReplyTo,
		}, nil
	}
	return nil, fmt.Errorf("no struct for %T", message)
}

func flightOf(m *codecpb.Flight) flightArray {
	return flightArray{
		Row: m.Row, Year: m.Year, Month: m.Month, Day: m.Day, DepTime: m.DepTime, SchedDepTime: m.SchedDepTime,
		DepDelay: m.DepDelay, ArrTime: m.ArrTime, SchedArrTime: m.SchedArrTime, ArrDelay: m.ArrDelay, Carrier: m.Carrier, Flight: m.Flight,
		Tailnum: m.Tailnum, Origin: m.Origin, Dest: m.Dest, AirTime: m.AirTime, Distance: m.Distance, Hour: m.Hour,
		Minute: m.Minute, TimeHour: m.TimeHour,
	}
}

func arrayCases(name string, message proto.Message) ([]meter.Case, error) {
	plain, err := arrayOf(message)
	if err != nil {
		return nil, err
	}
	encoded, err := marshalArray(plain)
	if err != nil {
		return nil, err
	}
	zipped, err := zipped(encoded)
	if err != nil {
		return nil, err
	}
	empty := reflect.TypeOf(plain).Elem()
	return []meter.Case{
		counted("array/"+name+"/gzip", func() (int, error) { return zipped, nil }),
		counted("array/"+name+"/encode", func() (int, error) {
			out, err := marshalArray(plain)
			return len(out), err
		}),
		counted("array/"+name+"/decode", func() (int, error) {
			return len(encoded), msgpack.Unmarshal(encoded, reflect.New(empty).Interface())
		}),
	}, nil
}

// marshalArray is msgpack.Marshal with the shortest form of integers, as the other languages write them.
func marshalArray(plain any) ([]byte, error) {
	encoder := msgpack.GetEncoder()
	defer msgpack.PutEncoder(encoder)
	var out bytes.Buffer
	encoder.Reset(&out)
	encoder.UseCompactInts(true)
	err := encoder.Encode(plain)
	return out.Bytes(), err
}
