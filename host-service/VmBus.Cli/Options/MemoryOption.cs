namespace VmBus.Cli.Options;

/// <summary><c>--memory</c>: what the guest starts with, and what it may have at most.</summary>
/// <param name="Bytes">At the start.</param>
/// <param name="MaximumBytes">At most; the same where it is not given.</param>
internal sealed record MemoryOption(ulong Bytes, ulong MaximumBytes)
{
    private const string MaximumKey = "max=";

    /// <summary>Reads the option's value.</summary>
    /// <exception cref="UsageException">It is no size.</exception>
    public static MemoryOption Parse(string text)
    {
        string[] parts = text.Split(',');
        ulong bytes = ParseSize(parts[0], text);
        if (parts.Length == 1) return new MemoryOption(bytes, bytes);
        if (parts.Length > 2 || !parts[1].StartsWith(MaximumKey, StringComparison.Ordinal))
            throw new UsageException($"--memory '{text}': after the size there may be max=SIZE, and nothing else.");
        ulong maximum = ParseSize(parts[1][MaximumKey.Length..], text);
        return maximum >= bytes ? new MemoryOption(bytes, maximum) : throw new UsageException($"--memory '{text}': max is less than the guest starts with.");
    }

    private static ulong ParseSize(string size, string text)
    {
        const long Least = 32L << 20;
        const long Most = 4L << 40;
        if (!SizeParser.TryParse(size, out long bytes)) throw new UsageException($"--memory '{text}': not a size; write it as 2G or 512M.");
        if (bytes is < Least or > Most) throw new UsageException($"--memory '{text}': must be 32M to 4T.");
        return bytes % (1 << 20) == 0 ? (ulong)bytes : throw new UsageException($"--memory '{text}': must be a whole number of MiB.");
    }
}
