//! Load generators and benchmarks, also for operators sizing a machine.
