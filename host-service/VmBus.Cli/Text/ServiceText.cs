using System.Globalization;
using System.Text;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>What the service tells, in words.</summary>
internal static class ServiceText
{
    private const int MaximumDetail = 200;

    /// <summary>A table of all partitions, and what is wrong with definition files below.</summary>
    public static string List(PartitionStatusList list)
    {
        int width = list.Partitions.Select(static one => one.Name.Length).Append(4).Max();
        int memory = list.Partitions.Select(static one => one.Memory.Length).Append(6).Max();
        var text = new StringBuilder();
        if (list.Partitions.Count == 0) text.Append("no partitions are defined\n");
        else text.Append(CultureInfo.InvariantCulture, $"{"NAME".PadRight(width)}  STATE       PROCESS  CPUS  {"MEMORY".PadRight(memory)}  AUTOSTART  RESTART   NOTE\n");
        foreach (PartitionStatus one in list.Partitions)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{one.Name.PadRight(width)}  {one.State,-10}  {one.Process?.ToString(CultureInfo.InvariantCulture) ?? "-",7}  {one.Processors,4}  {one.Memory.PadRight(memory)}  {(one.Autostart ? "yes" : "no"),-9}  {one.Restart,-8}  {Note(one)}")
                .TrimEnd().Append('\n');
        }

        foreach (string problem in list.Problems) text.Append(CultureInfo.InvariantCulture, $"no definition: {Shown(problem)}\n");
        return text.ToString();
    }

    /// <summary>One partition.</summary>
    public static string Describe(PartitionStatus one)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"name      {one.Name}\nstate     {one.State}\n");
        if (one.Process is { } process) text.Append(CultureInfo.InvariantCulture, $"process   {process}\n");
        if (one.StartedMs is { } started) text.Append(CultureInfo.InvariantCulture, $"started   {Time(started)}\n");
        text.Append(CultureInfo.InvariantCulture, $"cpus      {one.Processors}\nmemory    {one.Memory}\nautostart {(one.Autostart ? "yes" : "no")}\nrestart   {one.Restart}\n");
        if (one.EndReason is { } reason)
            text.Append(CultureInfo.InvariantCulture, $"last end  {Time(one.EndMs ?? 0)}  {reason}{(one.EndDetail is { } detail ? $": {Shown(detail)}" : "")}\n");
        if (one.Changed) text.Append("note      its definition has changed since it was started\n");
        if (one.Problem is { } problem) text.Append(CultureInfo.InvariantCulture, $"problem   {Shown(problem)}\n");
        return text.ToString();
    }

    private static StringBuilder TrimEnd(this StringBuilder text)
    {
        while (text.Length > 0 && text[^1] == ' ') text.Length--;
        return text;
    }

    private static string Note(PartitionStatus one) => one switch
    {
        { Problem: { } problem } => Shown(problem),
        { Changed: true } => "definition has changed since the start",
        { State: "off", EndReason: { } reason and not "powered-off" } => one.EndDetail is { } detail ? $"{reason}: {Shown(detail)}" : reason,
        _ => "",
    };

    private static string Time(long milliseconds)
        => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    // Some of it comes from guests, which must not move the reader's cursor.
    private static string Shown(string text)
        => string.Concat((text.Length <= MaximumDetail ? text : text[..MaximumDetail] + "…").Select(static c => char.IsControl(c) ? ' ' : c));
}
