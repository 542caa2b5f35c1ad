"""A page that draws the deployed CloudWatch dashboard, which has no other viewer without AWS."""
