using System.Text;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>
/// Writes the page and the CSV files of its charts into a folder of results, from nothing but these results.
/// </summary>
internal static class Report
{
    /// <summary>
    /// Reads the folder's results, writes <c>index.html</c>, <c>charts/*.csv</c> and the documents that it links to,
    /// and returns the path of the page.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="warn">Told what a reader of the results has to know; null for nobody.</param>
    public static string Write(ResultFolder folder, Action<string>? warn = null) =>
        Write(folder, Resource("report.css"), Resource("report.js"), warn);

    internal static string Write(ResultFolder folder, string? style, string? script, Action<string>? warn = null)
    {
        ReportResults results = ReportResults.Read(folder);
        if (results.Mixture is { } mixture) warn?.Invoke($"note: {folder.Root}: {mixture.Note}");
        string html = new ReportPage(results, style, script).Write();
        foreach (PageChart chart in results.Charts) folder.WriteFile(FigureElement.CsvPath(chart),
            ChartData.Of(chart).ToCsv());
        DocumentPages.Write(folder);
        // Last: whoever sees the page finds the files it links to.
        folder.WriteFile("index.html", html);
        return Path.Combine(folder.Root, "index.html");
    }

    /// <summary>What the build embeds; the script is missing where there was no Node.</summary>
    private static string? Resource(string name)
    {
        using Stream? stream = typeof(Report).Assembly.GetManifestResourceStream(name);
        if (stream is null) return null;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
