namespace VmBus.Cli.Import;

/// <summary>A file is none that can be imported.</summary>
/// <param name="message">Which, why, and what to do.</param>
/// <param name="inner">What has shown it.</param>
internal sealed class ImportException(string message, Exception? inner = null) : IOException(message, inner);
