package main

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"

	"github.com/actorbridge/actorbridge/go-client/benchcodec/codecpb"
)

// columns is how many a file such as examples/handover/data/flights-2013-01.csv.gz has.
const columns = 19

// readFlights reads all of them, in their order. A field that is no number is absent, as an empty one is.
func readFlights(path string) ([]*codecpb.Flight, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	reader := csv.NewReader(unzipped)
	reader.FieldsPerRecord = columns
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var flights []*codecpb.Flight
	for i, row := range rows[1:] {
		flights = append(flights, flight(uint64(i+1), row))
	}
	return flights, nil
}

func flight(number uint64, row []string) *codecpb.Flight {
	of := func(at int) *int64 {
		if v, err := strconv.ParseInt(row[at], 10, 64); err == nil {
			return &v
		}
		return nil
	}
	return &codecpb.Flight{
		Row: number, Year: of(0), Month: of(1), Day: of(2), DepTime: of(3), SchedDepTime: of(4), DepDelay: of(5), ArrTime: of(6),
		SchedArrTime: of(7), ArrDelay: of(8), Carrier: row[9], Flight: of(10), Tailnum: row[11], Origin: row[12], Dest: row[13],
		AirTime: of(14), Distance: of(15), Hour: of(16), Minute: of(17), TimeHour: row[18],
	}
}
