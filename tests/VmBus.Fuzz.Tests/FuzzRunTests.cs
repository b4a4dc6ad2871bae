using System.Runtime.CompilerServices;
using VmBus.Fuzz.Engine;
using Xunit;

namespace VmBus.Fuzz.Tests;

/// <summary>The harness finds what is there to be found, and says which input it was.</summary>
public sealed class FuzzRunTests
{
    [Fact]
    public void Input_that_throws_is_found_once_with_its_bytes()
    {
        using var target = new PlantedTarget(static input => input.Length > 3 && input[0] == 0x7F && input[3] > 100 ? throw new InvalidOperationException("planted") : 0);
        FuzzResult result = new FuzzRun(target, [], seed: 3) { Executions = 50_000 }.Run();
        Finding finding = Assert.Single(result.Findings);
        Assert.True(finding.Input[0] == 0x7F && finding.Input[3] > 100);
        Assert.Contains("planted", finding.Problem, StringComparison.Ordinal);
        Assert.Equal(50_000, result.Executions);
        Assert.Throws<InvalidOperationException>(() => target.Execute(finding.Input));
    }

    [Fact]
    public void Kept_inputs_are_tried_first()
    {
        byte[] kept = [0xDE, 0xAD, 0xBE, 0xEF, 0x12, 0x34, 0x56];
        using var target = new PlantedTarget(input => input.SequenceEqual(kept) ? throw new PropertyException("kept") : 0);
        FuzzResult result = new FuzzRun(target, [kept], seed: 1) { Executions = 10 }.Run();
        Assert.Equal(kept, Assert.Single(result.Findings).Input);
    }

    [Fact]
    public void Memory_that_is_left_behind_is_found()
    {
        var left = new List<byte[]>();
        using var target = new PlantedTarget(_ =>
        {
            left.Add(new byte[40_000]);
            return 0;
        });
        FuzzResult result = new FuzzRun(target, [], seed: 1) { Executions = 5_000 }.Run();
        Assert.Contains("more memory", Assert.Single(result.Findings).Problem, StringComparison.Ordinal);
        Assert.NotEmpty(left);
    }

    [Fact]
    public void Input_that_does_not_end_is_told()
    {
        using var told = new ManualResetEventSlim();
        byte[] input = [];
        using var target = new PlantedTarget(_ =>
        {
            Assert.True(told.Wait(TimeSpan.FromSeconds(30)));
            return 0;
        });
        var run = new FuzzRun(target, [[7, 8]], seed: 1)
        {
            Executions = 1,
            Hang = TimeSpan.FromMilliseconds(50),
            OnHang = finding =>
            {
                input = finding.Input;
                told.Set();
            },
        };
        _ = run.Run();
        Assert.Equal([7, 8], input);
    }

    [Fact]
    public void Corpus_is_read_as_it_is_written()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("vmbus-corpus-");
        try
        {
            Corpus.Keep(folder.FullName, "ring", [1, 2, 255], "one");
            Corpus.Keep(folder.FullName, "ring", [1, 2, 255], "again");
            Corpus.Keep(folder.FullName, "ring", [3], "two");
            Assert.Equal("0102ff 03", string.Join(' ', Corpus.Load(folder.FullName, "ring").Select(Convert.ToHexStringLower)));
            Assert.Empty(Corpus.Load(folder.FullName, "other"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Corpus_that_is_replaced_keeps_what_found_something()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("vmbus-corpus-");
        try
        {
            Corpus.Keep(folder.FullName, "ring", [1], "found something");
            Corpus.Replace(folder.FullName, "ring", [[2], [3]]);
            Corpus.Replace(folder.FullName, "ring", [[4]]);
            Assert.Equal("01 04", string.Join(' ', Corpus.Load(folder.FullName, "ring").Select(Convert.ToHexStringLower)));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Inputs_that_reach_the_most_for_their_bytes_are_chosen_and_none_that_adds_nothing()
    {
        (byte[] Input, IReadOnlyList<int> Reached)[] inputs = [([1, 1, 1, 1], [1, 2, 3, 4, 5, 6]), ([2], [1, 2]), ([3], [7, 8, 9]), (new byte[500], [10, 11]), ([4], [99])];
        Assert.Equal("01010101 03", string.Join(' ', Distiller.Choose(inputs, [99], budget: 100).Select(Convert.ToHexStringLower)));
    }

    [Fact]
    public void Inputs_are_the_same_for_the_same_seed_and_never_too_long()
    {
        byte[][] corpus = [[1, 2, 3, 4], new byte[Mutator.MaximumBytes]];
        Mutator first = new(new Random(5)), second = new(new Random(5));
        for (int i = 0; i < 2000; i++)
        {
            byte[] input = first.Next(corpus).ToArray();
            Assert.True(input.Length <= Mutator.MaximumBytes);
            Assert.Equal(input, second.Next(corpus).ToArray());
        }
    }

    private delegate int Body(ReadOnlySpan<byte> input);

    private sealed class PlantedTarget(Body body) : IFuzzTarget
    {
        public string Name => "planted";

        public string What => "a mistake that was put there";

        public IEnumerable<byte[]> Seeds => [];

        // A frame of its own in every stack trace: findings are told apart by them.
        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Execute(ReadOnlySpan<byte> input) => _ = body(input);

        public void Dispose()
        {
        }
    }
}
