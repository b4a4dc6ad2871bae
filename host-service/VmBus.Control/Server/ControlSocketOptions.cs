namespace VmBus.Control.Server;

/// <summary>A control socket as the operator describes it: <c>PATH[,group=GROUP]</c>.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Group">Whose members may use it, by name or number; null for the owner and root alone.</param>
public sealed record ControlSocketOptions(string Path, string? Group)
{
    private const string GroupKey = ",group=";

    /// <summary>Reads the command line form. Only the last comma counts: a path may have others.</summary>
    /// <exception cref="FormatException">There is no path, or no group behind the key; the message is one line for people.</exception>
    public static ControlSocketOptions Parse(string text)
    {
        int at = text.LastIndexOf(GroupKey, StringComparison.Ordinal);
        var options = at < 0 ? new ControlSocketOptions(text, null) : new ControlSocketOptions(text[..at], text[(at + GroupKey.Length)..]);
        return options.Path.Length > 0 && options.Group is not ""
            ? options
            : throw new FormatException($"'{text}': write PATH or PATH,group=GROUP.");
    }
}
