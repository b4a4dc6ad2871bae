// A child that one test starts holds every descriptor of the process until it executes its program: beside another, what a test closes is not always closed.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
