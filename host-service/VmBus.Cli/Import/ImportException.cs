namespace VmBus.Cli.Import;

/// <summary>A file is none that can be imported.</summary>
/// <param name="message">Which, why, and what to do. What it quotes of the file loses its control characters here.</param>
/// <param name="inner">What has shown it.</param>
internal sealed class ImportException(string message, Exception? inner = null) : IOException(Clean(message), inner)
{
    private static string Clean(string message) => string.Concat(message.Select(static c => char.IsControl(c) ? ' ' : c));
}
