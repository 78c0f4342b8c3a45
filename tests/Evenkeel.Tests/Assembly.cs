using Xunit;

// One test at a time: the worker threads and their number are shared by the process, and some tests count allocations.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
