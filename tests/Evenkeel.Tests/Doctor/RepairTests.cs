using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;
using TheDoctor = Evenkeel.Examination.Doctor;

namespace Evenkeel.Tests.WithData;

public sealed class RepairTests
{
    public static TheoryData<string> Names => [.. Patients.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_repaired_network_is_healthy(string name)
    {
        Module model = Patients.Healthy(name);
        foreach (ITrackingNorm norm in Patients.Norms(model)) norm.Running!.Reset();
        var data = new DoctorData(Patients.DataOf(name));
        DoctorRepair repair = TheDoctor.Fix(model, data, new RepairOptions { Fold = true });
        Assert.Equal(["recalibrate", "prune", "biases", "fold"], repair.Steps.Select(static step => step.Name));
        Assert.True(repair.Steps[0].IsDone, repair.Steps[0].Message);
        Assert.Contains("accuracy goes from", repair.Steps[0].Message, StringComparison.Ordinal);
        Assert.True(repair.Steps[3].IsDone, repair.Steps[3].Message);
        Assert.DoesNotContain(
            TheDoctor.Examine(repair.Model, data).Findings, static finding => finding.Level > FindingLevel.Note);
        Assert.All(Patients.Norms(model), static norm => Assert.Equal(0, norm.Running!.NumBatchesTracked.Value.Item()));
    }

    [Fact]
    public void A_healthy_network_stays_as_it_is_and_each_step_says_why()
    {
        Module model = Patients.Healthy("mlp");
        TensorDataset data = Patients.Table(1);
        DoctorRepair repair = TheDoctor.Fix(model, new DoctorData(data));
        Assert.Equal(["recalibrate", "prune", "biases"], repair.Steps.Select(static step => step.Name));
        Assert.All(repair.Steps, static step => Assert.False(step.IsDone));
        Assert.Contains("left out", repair.ToString(), StringComparison.Ordinal);
        Assert.Equal(model.Predict(data.Inputs).ToArray<float>(), repair.Model.Predict(data.Inputs).ToArray<float>());
    }

    [Fact]
    public void Dead_channels_and_biases_go_and_the_outputs_stay()
    {
        TensorDataset data = Patients.Table(1);
        Sequential model =
        [
            new Linear(8, 24, random: new Philox(1)), new BatchNorm1d(24), new ReLU(),
            new Linear(24, 24, random: new Philox(2)), new BatchNorm1d(24), new ReLU(),
            new Linear(24, 4, random: new Philox(3)),
        ];
        Patients.Trained(model, data, epochs: 4);
        ((BatchNorm1d)model[1]).Bias!.Value.AsSpan<float>()[..5].Fill(-15);
        DoctorRepair repair = TheDoctor.Fix(model, new DoctorData(data));
        Assert.All(repair.Steps, static step => Assert.True(step.IsDone, step.Message));
        var repaired = (Sequential)repair.Model;
        Assert.Equal(19, ((Linear)repaired[0]).OutFeatures);
        Assert.Null(((Linear)repaired[0]).Bias);
        Assert.Null(((Linear)repaired[3]).Bias);
    }

    [Fact]
    public void Statistics_of_wrong_inputs_are_not_taken_over()
    {
        Module model = Patients.Healthy("resnet");
        var wrong = new DoctorData(Patients.With(Patients.Pictures(1), static x => Patients.Prepared(x, "x255")));
        var repairs = new RepairOptions { Prune = false, RemoveBiases = false };
        RepairStep step = TheDoctor.Fix(model, wrong, repairs).Steps[0];
        Assert.False(step.IsDone);
        Assert.Contains("EK203 comes first", step.Message, StringComparison.Ordinal);
    }
}
