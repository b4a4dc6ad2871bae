namespace VmBus.Benchmarks;

/// <summary>A group of measurements that share their set-up.</summary>
internal interface IBenchmarkPart
{
    /// <summary>The word on the command line.</summary>
    string Name { get; }

    /// <summary>One line for the usage text.</summary>
    string Summary { get; }

    /// <summary>
    /// Measures. What is compared runs in turn, <see cref="BenchmarkOptions.Repeat"/> times over, so that a change of the machine's
    /// load or clock hits everything alike.
    /// </summary>
    void Run(BenchmarkOptions options, BenchmarkReport report);
}
