using System.Globalization;
using System.Text;
using VmBus.Cli.Options;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>A partition's memory in words.</summary>
internal static class MemoryText
{
    /// <summary>What the guest has, what it may have, and what it says that it needs.</summary>
    public static string Describe(MemoryReport memory)
    {
        var text = new StringBuilder();
        Line("assigned", SizeParser.Format(memory.AssignedBytes) + (memory.GoalBytes is { } goal ? $", on its way to {SizeParser.Format(goal)}" : ""));
        Line("start", SizeParser.Format(memory.StartBytes));
        Line("maximum", SizeParser.Format(memory.MaximumBytes));
        Line("ballooned", SizeParser.Format(memory.BalloonedBytes));
        Line("added", SizeParser.Format(memory.AddedBytes));
        Line("available", Reported(memory.AvailableBytes));
        Line("committed", Reported(memory.CommittedBytes));
        Line("driver", memory.Ready ? $"{(memory.Version is { } version ? $"version {version}" : "virtio balloon")}, {Abilities(memory)}" : "none, or not that far yet");
        return text.ToString();

        void Line(string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name,-10}{value}\n");
    }

    private static string Reported(long? bytes) => bytes is { } count ? SizeParser.Format(count) : "not told yet";

    private static string Abilities(MemoryReport memory) => (memory.CanBalloon, memory.CanGrow) switch
    {
        (true, true) => "gives memory back and uses what is added",
        (true, false) => "gives memory back",
        (false, true) => "uses what is added",
        (false, false) => "can do nothing",
    };
}
