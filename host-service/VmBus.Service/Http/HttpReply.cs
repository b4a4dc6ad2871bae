namespace VmBus.Service.Http;

/// <summary>What a request is answered with.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="MediaType">What the body is.</param>
/// <param name="Body">The body.</param>
internal sealed record HttpReply(int Status, string MediaType, ReadOnlyMemory<byte> Body)
{
    /// <summary>A line for people.</summary>
    public static HttpReply Text(int status, string line) => new(status, "text/plain; charset=utf-8", System.Text.Encoding.UTF8.GetBytes(line + "\n"));
}
