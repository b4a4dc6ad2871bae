using System.Globalization;
using System.Text;

namespace VmBus.Service.Metrics;

/// <summary>Samples as Prometheus reads them. Source: prometheus.io, text-based exposition format 0.0.4.</summary>
internal static class PrometheusText
{
    /// <summary>The media type.</summary>
    public const string MediaType = "text/plain; version=0.0.4; charset=utf-8";

    // Names of devices are short; a longer one is a worker that was taken over.
    private const int MaximumLabelCharacters = 128;

    /// <summary>Every metric that has a value in a sample.</summary>
    public static string Of(ServiceSample sample)
    {
        var text = new StringBuilder();
        foreach (MetricFamily family in MetricCatalog.All)
        {
            bool isFirst = true;
            foreach (MetricPoint point in family.Read(sample))
            {
                if (isFirst) text.Append(CultureInfo.InvariantCulture, $"# HELP {family.PrometheusName} {family.Help}\n# TYPE {family.PrometheusName} {(family.IsCounter ? "counter" : "gauge")}\n");
                isFirst = false;
                text.Append(family.PrometheusName);
                for (int i = 0; i < point.Labels.Length; i++)
                {
                    text.Append(i == 0 ? '{' : ',').Append(point.Labels[i].Name).Append("=\"");
                    AppendLabel(text, point.Labels[i].Value);
                    text.Append('"');
                }

                text.Append(CultureInfo.InvariantCulture, $"{(point.Labels.Length > 0 ? "}" : "")} {point.Value:R}\n");
            }
        }

        return text.ToString();
    }

    private static void AppendLabel(StringBuilder text, string value)
    {
        foreach (char letter in value.Length <= MaximumLabelCharacters ? value : value[..MaximumLabelCharacters])
        {
            _ = letter switch
            {
                '\\' => text.Append(@"\\"),
                '"' => text.Append("\\\""),
                '\n' => text.Append(@"\n"),
                _ when char.IsControl(letter) => text.Append(' '),
                _ => text.Append(letter),
            };
        }
    }
}
