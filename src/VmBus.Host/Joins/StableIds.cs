using System.Security.Cryptography;
using System.Text;

namespace VmBus.Host.Joins;

/// <summary>Identifiers that stay the same from run to run because they are made from names: guests recognise their devices by them.</summary>
internal static class StableIds
{
    /// <summary>A name-based GUID (RFC 9562, version 8) of <paramref name="kind"/> and <paramref name="name"/>.</summary>
    public static Guid Create(string kind, string name)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"vmbus:{kind}:{name}"), hash);
        Span<byte> bytes = hash[..16];
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }
}
