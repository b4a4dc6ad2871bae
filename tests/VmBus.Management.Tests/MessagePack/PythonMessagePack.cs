using System.Diagnostics;

namespace VmBus.Management.Tests.MessagePack;

/// <summary>Debian's python3-msgpack, an implementation that nobody here wrote.</summary>
internal static class PythonMessagePack
{
    private const string Text =
        """
        import sys, struct, random, msgpack
        def text(v):
            if v is None: return 'nil'
            if v is True: return 'true'
            if v is False: return 'false'
            if isinstance(v, int): return str(v)
            if isinstance(v, float): return 'f' + struct.pack('>d', v).hex()
            if isinstance(v, str): return 's' + v.encode().hex()
            if isinstance(v, bytes): return 'b' + v.hex()
            if isinstance(v, list): return '[' + ','.join(text(x) for x in v) + ']'
            return '{' + ','.join(text(k) + '=' + text(x) for k, x in v.items()) + '}'

        """;

    /// <summary>Reads packed values, a line each; prints each as canonical text and packed again.</summary>
    public const string Unpack = Text +
        """
        for line in sys.stdin:
            v = msgpack.unpackb(bytes.fromhex(line), raw=False, strict_map_key=False)
            print(text(v), msgpack.packb(v, use_bin_type=True).hex())
        """;

    /// <summary>Makes values from a seed; prints each as canonical text and packed.</summary>
    public const string Pack = Text +
        """
        r = random.Random(7)
        sizes = [0, 1, 15, 16, 31, 32, 33, 255, 256, 257]
        def integer():
            n = r.choice([5, 6, 7, 8, 15, 16, 31, 32, 63])
            return r.choice([1, -1]) * max(0, (1 << n) + r.randint(-2, 2)) if n < 63 else r.choice([2**63 - 1, -2**63, 2**63, 2**64 - 1])
        def value(depth):
            k = r.randint(0, 6 if depth == 0 else 8)
            if k == 0: return None
            if k == 1: return r.random() < 0.5
            if k in (2, 3): return integer()
            if k == 4: return r.choice([0.0, -1.5, 1e300, float('inf'), r.random()])
            if k == 5: return ''.join(r.choice('aé€😀') for _ in range(r.choice(sizes)))
            if k == 6: return r.randbytes(r.choice(sizes + [65535, 65536]))
            n = r.choice([0, 1, 3, 15, 16, 40])
            if k == 7: return [value(depth - 1) for _ in range(n)]
            return {str(i) if r.random() < 0.7 else i: value(depth - 1) for i in range(n)}
        for i in range(400):
            v = value(3)
            print(text(v), msgpack.packb(v, use_bin_type=True).hex())
        """;

    /// <summary>Runs a program.</summary>
    /// <returns>Its lines, cut at the space.</returns>
    public static IReadOnlyList<(string Text, byte[] Packed)> Run(string program, IEnumerable<byte[]> packed)
    {
        // Debian's interpreter: the package is its.
        var start = new ProcessStartInfo("/usr/bin/python3")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(program);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        foreach (byte[] value in packed) process.StandardInput.WriteLine(Convert.ToHexString(value));
        process.StandardInput.Close();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"python3 failed (is python3-msgpack installed? tests/run does it): {error.Result}");
        return
        [
            .. output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split(' '))
                .Select(parts => (parts[0], Convert.FromHexString(parts[1]))),
        ];
    }
}
