using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace VmBus.Native.Tests;

/// <summary>Holds copies of C structures and numbers against the headers they come from: a C compiler checks one assertion for each.</summary>
internal static class CHeader
{
    /// <summary>Asserts the size of a structure and the offset of every field that is not padding.</summary>
    /// <param name="source">Where the assertions go.</param>
    /// <param name="structure">Our copy; its fields have the names of the header.</param>
    /// <param name="name">What the header calls it.</param>
    /// <param name="names">"structure.field" and what the header calls the field, where it differs.</param>
    internal static void CheckStructure(StringBuilder source, Type structure, string name, IReadOnlyDictionary<string, string> names)
    {
        var layout = (Layout)Activator.CreateInstance(typeof(Layout<>).MakeGenericType(structure))!;
        Check(source, $"sizeof(struct {name})", layout.Bytes);
        foreach (FieldInfo field in structure.GetFields(BindingFlags.Instance | BindingFlags.Public))
        {
            string fieldName = names.GetValueOrDefault($"{name}.{field.Name}", field.Name);
            if (fieldName is not ("pad" or "padding" or "rest" or "reserved"))
                Check(source, $"offsetof(struct {name}, {fieldName})", layout.OffsetOf(field));
        }
    }

    /// <summary>Asserts every constant of a type that bears one of the prefixes of the header's names.</summary>
    internal static int CheckConstants(StringBuilder source, Type holder, params string[] prefixes)
    {
        FieldInfo[] constants =
        [
            .. holder.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
                .Where(f => f.IsLiteral && Array.Exists(prefixes, prefix => f.Name.StartsWith(prefix, StringComparison.Ordinal))),
        ];
        foreach (FieldInfo constant in constants)
            Check(source, constant.Name, Convert.ToInt64(constant.GetRawConstantValue(), CultureInfo.InvariantCulture));
        return constants.Length;
    }

    internal static void Check(StringBuilder source, string expression, long value)
        => source.Append(CultureInfo.InvariantCulture, $"_Static_assert({expression} == {value}LL, \"{expression}\");\n");

    internal static void Compile(string headers, string assertions)
    {
        var start = new ProcessStartInfo("cc", ["-fsyntax-only", "-x", "c", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using Process compiler = Process.Start(start)!;
        compiler.StandardInput.Write(headers + assertions);
        compiler.StandardInput.Close();
        string errors = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        Assert.True(compiler.ExitCode == 0, errors);
    }

    private abstract class Layout
    {
        internal abstract int Bytes { get; }

        internal abstract int OffsetOf(FieldInfo field);
    }

    // Finds a field's offset by filling it with ones and looking where they are.
    private sealed class Layout<T> : Layout
        where T : unmanaged
    {
        internal override int Bytes => Unsafe.SizeOf<T>();

        internal override int OffsetOf(FieldInfo field)
        {
            object boxed = default(T);
            field.SetValue(boxed, Filled(field.FieldType));
            var value = (T)boxed;
            return MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)).IndexOfAnyExcept((byte)0);
        }

        private static object Filled(Type type)
            => typeof(Layout<T>).GetMethod(nameof(Ones), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(type).Invoke(null, null)!;

        private static TField Ones<TField>()
            where TField : unmanaged
        {
            TField value = default;
            MemoryMarshal.AsBytes(new Span<TField>(ref value)).Fill(0xFF);
            return value;
        }
    }
}
