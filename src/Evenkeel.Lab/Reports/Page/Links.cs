using Evenkeel.Web;

namespace Evenkeel.Lab.Reports.Page;

/// <summary>
/// Links within the page: to claims (C10) and experiments (deep-net). What the page does not have is named without a
/// link.
/// </summary>
internal sealed class Links(HtmlWriter html, ReportResults results)
{
    /// <summary>The place of an experiment.</summary>
    public static string IdOf(string experiment) => "experiment-" + experiment;

    /// <summary>Names with commas between.</summary>
    public void Write(IReadOnlyList<string> names)
    {
        for (int i = 0; i < names.Count; i++)
        {
            if (i > 0) html.Text(", ");
            Write(names[i]);
        }
    }

    public void Write(string name)
    {
        if (results.Findings.Any(finding => finding.Claim.Id == name)) html.Element("a", name, ("href", "#" + name));
        else if (results.Records.Any(record => record.Experiment.Name == name)) html.Element("a", name,
            ("href", "#" + IdOf(name)));
        else html.Text(name);
    }
}
