// Descriptors and threads of the process are counted, so nothing else may come and go meanwhile.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
