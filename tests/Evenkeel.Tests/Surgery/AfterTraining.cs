using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Surgery;

namespace Evenkeel.Tests.Surgery;

public static class AfterTraining
{
    public static Module Finish(Module model, IDataset training, IDataset test, Tensor images, Action<object> show)
    {
        // The statistics of the whole training set in place of moving averages, and what that does to the accuracy.
        show(model.Recalibrate(training, new RecalibrationOptions { Check = test }));

        // A network in which norms are part of the layers next to them, and how far its outputs move.
        FoldResult folded = model.Fold(images);
        show(folded);
        return folded.Model;
    }
}
