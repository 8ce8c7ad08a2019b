##@ Longer
.PHONY: faults
# Go's timeout is the sum of what is written behind each other.
faults: FOR ?= 10m
faults: compat-peers ## hurts links between processes, and kills peers, for FOR (default 10m)
	@cd compat-tests/faults && FAULTS_FOR=$(FOR) $(GO) test -count 1 -parallel 16 -timeout $(FOR)10m -v .
