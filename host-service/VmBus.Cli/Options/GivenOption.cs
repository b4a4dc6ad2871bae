using System.CommandLine;
using System.Globalization;

namespace VmBus.Cli.Options;

/// <summary><c>--given SOCKET|fd:N</c>: where a partition gets what others have opened for it.</summary>
internal static class GivenOption
{
    /// <summary>Its name.</summary>
    public const string Name = "--given";

    private const string Inherited = "fd:";
    private const int FirstOwnDescriptor = 3;

    /// <summary>The option of <c>vmbus run</c>.</summary>
    public static Option<string?> Create() => new(Name)
    {
        HelpName = "SOCKET|fd:N",
        Description = "Take disks, network adapters and files that are added while the partition runs from whoever gives them at SOCKET, already open ('vmbus give'), and open none: what the "
            + "partition starts with is opened first, and then the program starts anew with it. fd:N is a connection by which everything comes that is open, from whoever has started this program",
    };

    /// <summary>Reads its value.</summary>
    /// <returns>The socket that is to be made, or the number of the connection; neither when there is no value.</returns>
    /// <exception cref="UsageException">It is neither.</exception>
    public static (string? Socket, int? Connection) Parse(string? text)
    {
        if (text is null) return (null, null);
        if (text.Length == 0) throw new UsageException($"{Name} has no value: write the path of a socket, or fd:N.");
        if (!text.StartsWith(Inherited, StringComparison.Ordinal)) return (text, null);
        return int.TryParse(text[Inherited.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= FirstOwnDescriptor
            ? (null, number)
            : throw new UsageException($"{Name} '{text}': must be fd: and the number of a descriptor, {FirstOwnDescriptor} or more.");
    }

    /// <summary>The value that names a connection.</summary>
    public static string Of(int connection) => string.Create(CultureInfo.InvariantCulture, $"{Inherited}{connection}");
}
