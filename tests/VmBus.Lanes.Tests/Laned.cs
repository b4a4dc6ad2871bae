using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace VmBus.Lanes.Tests;

/// <summary>A lane for a test whose failure is kept instead of ending the test process.</summary>
internal sealed class Laned : IDisposable
{
    private readonly TaskCompletionSource<Exception> _failure = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Laned(LaneEngineKind engine, int slots = 64) =>
        Lane = Lane.Start("test-lane", NullLogger.Instance, new LaneOptions { Engine = engine, OperationSlots = slots, OnFailure = _failure.SetResult });

    internal static TimeSpan Patience => TimeSpan.FromSeconds(30);

    internal Lane Lane { get; }

    internal Task<Exception> Failure => _failure.Task;

    /// <summary>Runs on the lane and hands back a value.</summary>
    internal T Get<T>(Func<T> work)
    {
        T value = default!;
        Lane.Invoke(() => value = work());
        return value;
    }

    public void Dispose()
    {
        Lane.Dispose();
        Assert.False(Failure.IsCompletedSuccessfully && Failure.Result is not ExpectedFailureException, "The lane failed.");
    }
}

/// <summary>Thrown by tests that want a lane to fail.</summary>
internal sealed class ExpectedFailureException : Exception;

/// <summary>A handler made of a function; counts its runs.</summary>
internal sealed class Handler(Func<bool> run) : ILaneHandler
{
    internal int Runs { get; private set; }

    public bool Run()
    {
        Runs++;
        return run();
    }
}

/// <summary>Keeps the completions it gets, for another thread to wait for.</summary>
internal sealed class Completions : IIoCompletion, IDisposable
{
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly System.Collections.Concurrent.ConcurrentQueue<(int Tag, int Result)> _results = new();

    public void Complete(int tag, int result)
    {
        _results.Enqueue((tag, result));
        _arrived.Release();
    }

    internal (int Tag, int Result) Next()
    {
        Assert.True(_arrived.Wait(Laned.Patience), "No completion came.");
        Assert.True(_results.TryDequeue(out (int Tag, int Result) result));
        return result;
    }

    public void Dispose() => _arrived.Dispose();
}
